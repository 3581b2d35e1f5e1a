// Opens connections at a fixed rate, whatever becomes of the earlier ones, and writes a line of JSON for each when it is over, and "+" when it was greeted.
// `node client.mjs ADDRESS PORT PER_SECOND HOLD_MILLIS`; HOLD_MILLIS: how long a connection is kept in use after the greeting, 0 = hang up at once.
// SIGTERM: opens none any more, waits for those under way, ends.
import { createConnection } from "node:net";

const [address, port, perSecond, holdMillis] = process.argv.slice(2);
const PATIENCE = 5_000;
const BEAT = 200;

const now = () => performance.timeOrigin + performance.now();
let opened = 0;
let open = 0;
let stopping = false;

function connect() {
  opened += 1;
  open += 1;
  const at = now();
  let pod = "";
  let greetedAt = null;
  let beat;
  let waiting;
  let over = false;
  const socket = createConnection({ host: address, port: Number(port), noDelay: true });
  const expectWord = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => end("timeout"), PATIENCE);
  };
  const end = (outcome) => {
    if (over) return;
    over = true;
    clearTimeout(waiting);
    clearInterval(beat);
    socket.destroy();
    process.stdout.write(`${JSON.stringify({ at, greetedAt, endedAt: now(), outcome, pod })}\n`);
    open -= 1;
    leave();
  };
  expectWord();
  socket.on("data", (octets) => {
    if (greetedAt !== null) return expectWord();
    greetedAt = now();
    pod = String(octets).split(" ")[0];
    process.stdout.write("+\n");
    if (Number(holdMillis) === 0) return socket.end();
    expectWord();
    beat = setInterval(() => {
      if (now() - greetedAt < Number(holdMillis) && !stopping) return socket.write("x");
      clearInterval(beat);
      socket.end();
    }, BEAT);
  });
  socket.on("error", (error) => end(error.code === "ECONNREFUSED" ? "refused" : error.code === "ECONNRESET" ? "reset" : error.code));
  socket.on("close", () => end(greetedAt === null ? "reset" : "ok"));
}

function leave() {
  if (stopping && open === 0) process.exit(0);
}

const startedAt = now();
const timer = setInterval(() => {
  const due = Math.floor(((now() - startedAt) * Number(perSecond)) / 1000);
  while (opened < due) connect();
}, 5);
process.on("SIGTERM", () => {
  stopping = true;
  clearInterval(timer);
  leave();
});
