/** Bugs that speakers have had, planted between the real speaker and its world: what a simulation that finds none of them is worth. */

import { decodeMessage } from "../../../src/bgp/wire/codec.ts";
import { CEASE, MESSAGE_TYPE } from "../../../src/bgp/wire/iana.ts";
import type { UpdateContext, UpdateMessage } from "../../../src/bgp/wire/messages.ts";
import { prefixesOf } from "../../../src/bgp/wire/nlri.ts";
import { decodeNotification } from "../../../src/bgp/wire/notification.ts";
import { endOfRibLength, HEADER_OCTETS, writeEndOfRib } from "../../../src/bgp/wire/update-frames.ts";
import { FAMILIES } from "../../../src/ip/address.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { Plant } from "./world.ts";
import { type Wronged, wrongedTransport } from "./wronged-stream.ts";

/** By what the bug is called; a new one for every world, since some of them remember. */
export const PLANTED_BUGS: Readonly<Record<string, () => Plant>> = {
  "End-of-RIB leaves ahead of the routes": endOfRibEarly,
  "an announcement leaves again after its withdrawal": addAfterWithdraw,
  "a collision closes both connections": collisionClosesBoth,
  "a stale state file wins": staleStateFileWins,
  "a drain forgets one peer": drainForgetsOnePeer,
};

const CONTEXT: UpdateContext = { asn4: true, ibgp: true, families: FAMILIES, extendedNextHop: false };
const NONE: readonly Uint8Array[] = [];

/** MetalLB and others have sent it when the session came up, whatever was known by then. */
function endOfRibEarly(): Plant {
  const early = FAMILIES.map((family) => {
    const message = new Uint8Array(endOfRibLength(family));
    writeEndOfRib(message, 0, family);
    return message;
  });
  return {
    transport: (transport) =>
      wrongedTransport(transport, () => {
        let isFirst = true;
        return (message) => {
          const update = updateIn(message);
          if (update === null) return [message];
          const rest = update.endOfRib === null ? [message] : NONE;
          if (!isFirst) return rest;
          isFirst = false;
          return [...early, ...rest];
        };
      }),
  };
}

/** bio-rd queued announcements and sent withdrawals at once. */
function addAfterWithdraw(): Plant {
  return {
    transport: (transport) =>
      wrongedTransport(transport, () => {
        const announcements = new Map<string, Uint8Array>();
        return (message) => {
          const update = updateIn(message);
          if (update === null) return [message];
          for (const block of update.announced) for (const prefix of prefixesOf(block)) announcements.set(prefix.key, message);
          const late = new Set<Uint8Array>();
          for (const block of update.withdrawn) {
            for (const prefix of prefixesOf(block)) {
              const announcement = announcements.get(prefix.key);
              if (announcement !== undefined) late.add(announcement);
            }
          }
          return [message, ...late];
        };
      }),
  };
}

/** Both ends of corebgp could choose differently, and then nothing was left. */
function collisionClosesBoth(): Plant {
  return {
    transport: (transport) => {
      const all = new Set<Wronged>();
      return wrongedTransport(transport, (stream) => {
        all.add(stream);
        return (message) => {
          if (!isCollision(message)) return [message];
          for (const other of all) {
            if (other === stream || other.remote !== stream.remote || !other.writable) continue;
            other.inner.write(message, () => {});
            other.destroy();
          }
          return [message];
        };
      });
    },
  };
}

/** A file that is replaced, and yet the old one is read. */
function staleStateFileWins(): Plant {
  const oldest = new Map<SimulatedNode, string>();
  return {
    storage: (storage, node) => ({
      lock: (file) => storage.lock(file),
      open: (file) => {
        const inner = storage.open(file);
        return {
          ...inner,
          read: () => (inner.read() === null ? null : (oldest.get(node) ?? inner.read())),
          write: async (pieces) => {
            const text = [...pieces].filter((piece) => piece !== null).join("");
            // Without routes it would bring nothing back.
            if (!oldest.has(node) && text.includes('"owners"')) oldest.set(node, text);
            await inner.write([text]);
          },
        };
      },
    }),
  };
}

function drainForgetsOnePeer(): Plant {
  return {
    transport: (transport, node) =>
      wrongedTransport(transport, ({ remote }) => (message) => {
        const isForgotten = remote.endsWith("192.0.2.1") && node.isDrained && updateIn(message)?.endOfRib === null;
        return isForgotten ? NONE : [message];
      }),
  };
}

function updateIn(message: Uint8Array): UpdateMessage | null {
  if (message[HEADER_OCTETS - 1] !== MESSAGE_TYPE.update) return null;
  const decoded = decodeMessage({ type: MESSAGE_TYPE.update, body: message.subarray(HEADER_OCTETS) }, CONTEXT);
  return decoded.name === "update" ? decoded : null;
}

function isCollision(message: Uint8Array): boolean {
  if (message[HEADER_OCTETS - 1] !== MESSAGE_TYPE.notification) return false;
  const { code, subcode } = decodeNotification(message.subarray(HEADER_OCTETS));
  return code === CEASE.connectionCollision.code && subcode === CEASE.connectionCollision.subcode;
}
