/** BFD Control packets (RFC 5880 §4.1), 24 octets without authentication. */

/** In the order of their numbers. */
export const BFD_STATES = ["AdminDown", "Down", "Init", "Up"] as const;
export type BfdState = (typeof BFD_STATES)[number];

/** RFC 5880 §4.1; what we send of them. */
export const DIAGNOSTIC = { none: 0, detectionTimeExpired: 1, neighborSignaledDown: 3, administrativelyDown: 7 } as const;

export interface BfdPacket {
  /** 0..31. */
  readonly diagnostic: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  /** Packets that may be missed, 1..255. */
  readonly multiplier: number;
  /** Not 0. */
  readonly myDiscriminator: number;
  /** 0 = not known yet. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxMicros: number;
  /** 0 = nothing is to be sent. */
  readonly requiredMinRxMicros: number;
  /** 0 = no echo. */
  readonly requiredMinEchoRxMicros: number;
}

export type DecodedBfdPacket = { readonly ok: true; readonly packet: BfdPacket } | { readonly ok: false; readonly why: string };

const VERSION = 1;
const OCTETS = 24;
const FLAG = { poll: 0x20, final: 0x10, controlPlaneIndependent: 0x08, authentication: 0x04, demand: 0x02, multipoint: 0x01 } as const;

export function encodeBfdPacket(packet: BfdPacket): Uint8Array {
  const view = new DataView(new ArrayBuffer(OCTETS));
  view.setUint8(0, (VERSION << 5) | packet.diagnostic);
  const flags =
    (packet.poll ? FLAG.poll : 0) |
    (packet.final ? FLAG.final : 0) |
    (packet.controlPlaneIndependent ? FLAG.controlPlaneIndependent : 0) |
    (packet.demand ? FLAG.demand : 0);
  view.setUint8(1, (BFD_STATES.indexOf(packet.state) << 6) | flags);
  view.setUint8(2, packet.multiplier);
  view.setUint8(3, OCTETS);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxMicros);
  view.setUint32(16, packet.requiredMinRxMicros);
  view.setUint32(20, packet.requiredMinEchoRxMicros);
  return new Uint8Array(view.buffer);
}

/** Everything that RFC 5880 §6.8.6 has discarded before a session is looked for is refused here, in its order. */
export function decodeBfdPacket(octets: Uint8Array): DecodedBfdPacket {
  const refuse = (why: string): DecodedBfdPacket => ({ ok: false, why });
  if (octets.length < OCTETS) return refuse(`${octets.length} octets are too few`);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const first = view.getUint8(0);
  const second = view.getUint8(1);
  if (first >> 5 !== VERSION) return refuse(`version ${first >> 5}`);
  const length = view.getUint8(3);
  if (length < OCTETS || length > octets.length) return refuse(`length field ${length} of ${octets.length} octets`);
  const multiplier = view.getUint8(2);
  if (multiplier === 0) return refuse("detect multiplier 0");
  if ((second & FLAG.multipoint) !== 0) return refuse("multipoint bit");
  const myDiscriminator = view.getUint32(4);
  if (myDiscriminator === 0) return refuse("my discriminator 0");
  const yourDiscriminator = view.getUint32(8);
  const state = BFD_STATES[second >> 6] ?? "Down";
  if (yourDiscriminator === 0 && state !== "Down" && state !== "AdminDown") return refuse(`your discriminator 0 in state ${state}`);
  // No session of ours uses authentication (§6.8.6: discarded).
  if ((second & FLAG.authentication) !== 0) return refuse("authentication that nobody asked for");
  const poll = (second & FLAG.poll) !== 0;
  const final = (second & FLAG.final) !== 0;
  if (poll && final) return refuse("poll and final bits together");
  return {
    ok: true,
    packet: {
      diagnostic: first & 0x1f,
      state,
      poll,
      final,
      controlPlaneIndependent: (second & FLAG.controlPlaneIndependent) !== 0,
      demand: (second & FLAG.demand) !== 0,
      multiplier,
      myDiscriminator,
      yourDiscriminator,
      desiredMinTxMicros: view.getUint32(12),
      requiredMinRxMicros: view.getUint32(16),
      requiredMinEchoRxMicros: view.getUint32(20),
    },
  };
}
