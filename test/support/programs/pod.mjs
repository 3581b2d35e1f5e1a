// A pod: greets every caller with its name and the caller's address, then returns whatever comes. `node pod.mjs NAME ADDRESS PORT`
// SIGTERM, as of a kubelet: takes no new callers, serves those it has, and ends with the last one.
import { createServer } from "node:net";

const [name, address, port] = process.argv.slice(2);

const server = createServer((socket) => {
  socket.setNoDelay();
  socket.on("error", () => {});
  socket.write(`${name} ${socket.remoteAddress}\n`);
  socket.on("data", (octets) => socket.write(octets));
});
server.listen({ host: address, port: Number(port), backlog: 4096 }, () => process.stdout.write("ready\n"));
process.on("SIGTERM", () => server.close());
