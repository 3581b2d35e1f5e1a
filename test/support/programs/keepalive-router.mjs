// A BGP router that says KEEPALIVE four times a second, whatever it hears, and has no timers: what ends a session with it is up to the other side.
// `node keepalive-router.mjs ADDRESS ASN reads|deaf`; deaf = it stops reading once the session is up, so that its window shuts.
import { createServer } from "node:net";

const [address, asn, manner] = process.argv.slice(2);
const BEAT_MILLIS = 250;
const HOLD_SECONDS = 90;
const TYPE = { open: 1, keepalive: 4 };

function message(type, body) {
  const header = Buffer.alloc(19, 0xff);
  header.writeUInt16BE(19 + body.length, 16);
  header[18] = type;
  return Buffer.concat([header, body]);
}

// Version, AS, hold time, BGP Identifier, and one optional parameter: IPv4 unicast and the four-octet AS number.
function open() {
  const body = Buffer.from(`04 0000 0000 00000000 0e 020c 0104 0001 0001 4104 00000000`.replaceAll(" ", ""), "hex");
  body.writeUInt16BE(Number(asn), 1);
  body.writeUInt16BE(HOLD_SECONDS, 3);
  for (const [index, part] of address.split(".").entries()) body[5 + index] = Number(part);
  body.writeUInt32BE(Number(asn), body.length - 4);
  return message(TYPE.open, body);
}

const KEEPALIVE = message(TYPE.keepalive, Buffer.alloc(0));

createServer((socket) => {
  socket.setNoDelay(true);
  let unread = Buffer.alloc(0);
  let beat;
  socket.on("data", (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 19 && unread.length >= unread.readUInt16BE(16)) {
      const type = unread[18];
      unread = unread.subarray(unread.readUInt16BE(16));
      if (type === TYPE.open) {
        socket.write(Buffer.concat([open(), KEEPALIVE]));
        beat = setInterval(() => socket.write(KEEPALIVE), BEAT_MILLIS);
      } else if (type === TYPE.keepalive && manner === "deaf") {
        socket.pause();
      }
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => clearInterval(beat));
}).listen({ host: address, port: 179 });
