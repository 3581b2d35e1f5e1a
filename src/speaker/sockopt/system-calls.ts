/**
 * The system calls that Node has no name for, through koffi. Linux only; loaded when a first socket option is asked for, so that a process
 * that opens no session pays nothing for it.
 */

import { createRequire } from "node:module";

/** One instruction of a classic BPF program (linux/filter.h). */
export interface BpfInstruction {
  readonly code: number;
  /** Instructions to skip when a jump's test is true, and when it is false. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Every call throws {@link SystemCallError} where the kernel refuses. */
export interface SystemCalls {
  /** A non-blocking socket that no child inherits. */
  socket(domain: number, type: number, protocol?: number): number;
  bind(fd: number, address: Uint8Array): void;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): void;
  /** SO_ATTACH_FILTER: what the program answers with 0 is dropped before it reaches the socket. */
  attachFilter(fd: number, program: readonly BpfInstruction[]): void;
  /** Sends one datagram to `destination`, a sockaddr_in6; without it to the kernel itself, on a netlink socket. */
  send(fd: number, octets: Uint8Array, destination?: Uint8Array): void;
  /** Takes one datagram that is there already; returns its octets in `buffer`. */
  receive(fd: number, buffer: Uint8Array): number;
  close(fd: number): void;
}

/** A call that the kernel refused. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** `ENOPROTOOPT`. */
  readonly code: string;

  constructor(call: string, code: string) {
    super(`${call}: ${code}`);
    this.code = code;
  }
}

export type LoadedCalls = { readonly ok: true; readonly calls: SystemCalls } | { readonly ok: false; readonly why: string };

let loaded: LoadedCalls | null = null;

/** The calls, or why this process has none. The answer stays the same for the life of the process. */
export function loadSystemCalls(): LoadedCalls {
  loaded ??= load();
  return loaded;
}

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** struct sock_fprog: a length, padding, a pointer of 8 octets on 64-bit machines. */
const FPROG_OCTETS = { 32: 8, 64: 16 } as const;

function load(): LoadedCalls {
  if (process.platform !== "linux") return { ok: false, why: `socket options need Linux, this is ${process.platform}` };
  try {
    const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
    return { ok: true, calls: declare(koffi) };
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { ok: false, why: `the package koffi does not load (${line})` };
  }
}

function declare(koffi: typeof import("koffi")): SystemCalls {
  const library = koffi.load(null);
  koffi.struct("HeraldSockFilter", { code: "uint16", jt: "uint8", jf: "uint8", k: "uint32" });
  koffi.struct("HeraldSockFprog", { len: "uint16", filter: "HeraldSockFilter *" });
  const socket = library.func("int socket(int domain, int type, int protocol)");
  const bind = library.func("int bind(int fd, const void *address, uint32_t length)");
  const setsockopt = library.func("int setsockopt(int fd, int level, int option, const void *value, uint32_t length)");
  const setFilter = library.func("int setsockopt(int fd, int level, int option, const HeraldSockFprog *value, uint32_t length)");
  const send = library.func("intptr_t sendto(int fd, const void *octets, size_t length, int flags, const void *to, uint32_t toLength)");
  const receive = library.func("intptr_t recv(int fd, _Out_ void *buffer, size_t length, int flags)");
  const close = library.func("int close(int fd)");
  const fprogOctets = koffi.sizeof("void *") === 8 ? FPROG_OCTETS[64] : FPROG_OCTETS[32];
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));

  /** What the call returned. koffi keeps errno of the call before, so it is read at once. */
  const succeed = (call: string, result: unknown): number => {
    if (typeof result === "number" && result >= 0) return result;
    const errno = koffi.errno();
    throw new SystemCallError(call, names.get(errno) ?? `errno ${errno}`);
  };
  return {
    socket: (domain, type, protocol = 0) => succeed("socket", socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)),
    bind: (fd, address) => void succeed("bind", bind(fd, address, address.length)),
    setsockopt: (fd, level, option, value) => void succeed("setsockopt", setsockopt(fd, level, option, value, value.length)),
    attachFilter: (fd, program) =>
      void succeed("setsockopt", setFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, { len: program.length, filter: program }, fprogOctets)),
    send: (fd, octets, destination) =>
      void succeed("sendto", send(fd, octets, octets.length, 0, destination ?? null, destination?.length ?? 0)),
    receive: (fd, buffer) => succeed("recv", receive(fd, buffer, buffer.length, 0)),
    close: (fd) => void succeed("close", close(fd)),
  };
}
