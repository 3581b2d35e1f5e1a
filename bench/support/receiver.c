/*
 * A BGP receiver that keeps nothing: listens, answers one peer's OPEN, counts prefixes until End-of-RIB. It is never what a measurement waits for.
 *
 *   receiver ADDRESS PORT AS FAMILY(4|6) COUNT
 *
 * One line of standard input starts one measurement: the OPEN is held back until then, so that the peer can load its routes first. Prints one line
 * of JSON per measurement; times are milliseconds from our KEEPALIVE, which establishes the session, with the End-of-RIB (null when none came) and the
 * last of COUNT prefixes apart. Ends with its input.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 21, HEADER = 19, PATIENCE_MILLIS = 20000, QUIET_MILLIS = 2000 };

static uint8_t input[BUFFER];
static uint32_t own_as;
static int family;
static long expected;

struct result {
  long prefixes, withdrawn, updates, octets;
  double end_of_rib, last_prefix, longest_gap;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int read16(const uint8_t *at) { return at[0] << 8 | at[1]; }

static void send_all(int peer, const uint8_t *octets, size_t length) {
  while (length > 0) {
    ssize_t sent = write(peer, octets, length);
    if (sent <= 0) exit(3);
    octets += sent;
    length -= sent;
  }
}

static void send_keepalive(int peer) {
  uint8_t message[HEADER];
  memset(message, 0xff, 16);
  message[16] = 0;
  message[17] = HEADER;
  message[18] = 4;
  send_all(peer, message, sizeof message);
}

/* Hold time 180 s; capabilities 1 for the family, 2, 64 (restart time 120 s, no families: asks for End-of-RIB) and 65. */
static void send_open(int peer) {
  const uint8_t capabilities[] = {1, 4, 0, family == 6 ? 2 : 1, 0, 1, 2, 0, 64, 2, 0, 120, 65, 4, own_as >> 24, own_as >> 16, own_as >> 8, own_as};
  uint8_t message[HEADER + 10 + 2 + sizeof capabilities];
  memset(message, 0xff, 16);
  message[16] = 0;
  message[17] = sizeof message;
  message[18] = 1;
  const uint8_t body[] = {4, own_as >> 8, own_as, 0, 180, 10, 99, 0, 1, 2 + sizeof capabilities, 2, sizeof capabilities};
  memcpy(message + HEADER, body, sizeof body);
  memcpy(message + HEADER + sizeof body, capabilities, sizeof capabilities);
  send_all(peer, message, sizeof message);
}

static long count_nlri(const uint8_t *at, const uint8_t *end) {
  long count = 0;
  for (; at < end; at += 1 + (*at + 7) / 8) count++;
  return count;
}

/* True for End-of-RIB of the family measured. */
static int on_update(const uint8_t *body, int length, struct result *result) {
  int withdrawn = read16(body), attributes = read16(body + 2 + withdrawn);
  const uint8_t *at = body + 4 + withdrawn, *end = at + attributes;
  long announced = count_nlri(end, body + length), gone = count_nlri(body + 2, body + 2 + withdrawn);
  int end_of_rib = family == 4 && withdrawn == 0 && attributes == 0 && end == body + length;
  while (at < end) {
    int extended = at[0] & 0x10, size = extended ? read16(at + 2) : at[2];
    const uint8_t *value = at + (extended ? 4 : 3);
    if (at[1] == 14) announced += count_nlri(value + 5 + value[3], value + size);
    if (at[1] == 15 && size > 3) gone += count_nlri(value + 3, value + size);
    if (at[1] == 15 && size == 3) end_of_rib = (family == 6) == (read16(value) == 2);
    at = value + size;
  }
  result->updates++;
  result->prefixes += announced;
  result->withdrawn += gone;
  return end_of_rib;
}

static void measure(int peer) {
  struct result result = {.end_of_rib = -1, .last_prefix = -1};
  size_t held = 0;
  double start = 0, last = 0, opened = now();
  int established = 0;
  send_open(peer);
  for (;;) {
    struct pollfd poll_peer = {.fd = peer, .events = POLLIN};
    if (poll(&poll_peer, 1, 100) == 0) {
      double time = now();
      if (established && result.prefixes >= expected && (result.end_of_rib >= 0 || time - last > QUIET_MILLIS)) break;
      if (time - opened > PATIENCE_MILLIS) break;
      continue;
    }
    ssize_t got = read(peer, input + held, BUFFER - held);
    if (got <= 0) break;
    double time = now();
    held += got;
    size_t at = 0;
    while (held - at >= HEADER) {
      size_t length = read16(input + at + 16);
      if (length < HEADER || held - at < length) break;
      int type = input[at + 18];
      if (type == 4 && !established) {
        established = 1;
        start = last = now();
        send_keepalive(peer);
      } else if (established) {
        if (time - last > result.longest_gap) result.longest_gap = time - last;
        last = time;
        if (type == 2) {
          long before = result.prefixes;
          result.octets += length;
          if (on_update(input + at + HEADER, length - HEADER, &result) && result.end_of_rib < 0) result.end_of_rib = time - start;
          if (before < expected && result.prefixes >= expected) result.last_prefix = time - start;
        }
      }
      at += length;
    }
    memmove(input, input + at, held - at);
    held -= at;
    if (established && result.end_of_rib >= 0 && result.prefixes >= expected) break;
  }
  char end_of_rib[32] = "null";
  if (result.end_of_rib >= 0) snprintf(end_of_rib, sizeof end_of_rib, "%.3f", result.end_of_rib);
  printf("{\"endOfRib\":%s,\"lastPrefix\":%.3f,\"prefixes\":%ld,\"withdrawn\":%ld,\"updates\":%ld,\"octets\":%ld,\"longestGap\":%.3f}\n", end_of_rib,
         result.last_prefix, result.prefixes, result.withdrawn, result.updates, result.octets, result.longest_gap);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  own_as = strtoul(argv[3], NULL, 10);
  family = atoi(argv[4]);
  expected = atol(argv[5]);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, size = 8 << 20;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0) return 1;
  printf("{\"listening\":true}\n");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    int peer = accept(listener, NULL, NULL);
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    measure(peer);
    /* A reset, so that a peer which dials again finds a free address at once. */
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer);
  }
  return 0;
}
