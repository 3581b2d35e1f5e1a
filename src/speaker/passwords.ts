/**
 * Keys of TCP-MD5 and TCP-AO of peers: from the object itself, or from a Secret by name. A source of files delivers Secrets like other objects; an API server
 * is asked for each by name, again and again, so that a speaker may read those Secrets and no others. Nothing here is ever logged but names.
 */

import type { Clock, Timer } from "../clock.ts";
import type { Log } from "../log.ts";
import type { BGPPeer, ObjectChange, TcpAoKey } from "../objects/kinds.ts";
import type { SecretAnswer, Source } from "../source/source.ts";
import type { PasswordAnswer } from "./peer-access.ts";
import type { AoKey } from "./sockopt/tcp-ao.ts";

export interface PasswordsPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The one namespace whose Secrets are read. */
  readonly namespace: string;
  /** null = Secrets come with the objects. */
  readonly read: NonNullable<Source["readSecret"]> | null;
  /** Names of the Secrets that peers refer to now. */
  wanted(): ReadonlySet<string>;
  /** The answer for some peer is another. */
  changed(): void;
}

/** RFC 5926 §3.1, and the kernel's names. */
const KERNEL_ALGORITHMS = {
  "HMAC-SHA-1-96": "hmac(sha1)",
  "AES-128-CMAC-96": "cmac(aes128)",
} as const satisfies Record<TcpAoKey["algorithm"], AoKey["algorithm"]>;
const POLL_MILLIS = 30_000;
/** While a peer waits for its password. */
const RETRY_MILLIS = 5_000;

interface Known {
  /** The newest one that was read; it stays in force while the Secret cannot be read, or is gone. */
  readonly password: string | null;
  /** What is wrong with the newest answer; "" = nothing. */
  readonly why: string;
}

export class Passwords {
  readonly #ports: PasswordsPorts;
  readonly #known = new Map<string, Known>();
  readonly #ended = new AbortController();
  #timer: Timer | null = null;
  #reading = false;

  constructor(ports: PasswordsPorts) {
    this.#ports = ports;
  }

  of({ password, passwordSecret, tcpAO }: BGPPeer): PasswordAnswer {
    if (tcpAO.length > 0) return this.#aoKeysOf(tcpAO);
    return passwordSecret === null ? { known: true, key: password } : this.#secret(passwordSecret);
  }

  /** All keys, or none: without one of them the router could sign with what is not accepted here. */
  #aoKeysOf(keys: readonly TcpAoKey[]): PasswordAnswer {
    const aoKeys: AoKey[] = [];
    for (const { id, receiveID, algorithm, passwordSecret } of keys) {
      const answer = this.#secret(passwordSecret);
      if (!answer.known) return answer;
      aoKeys.push({ sendId: id, receiveId: receiveID ?? id, algorithm: KERNEL_ALGORITHMS[algorithm], secret: answer.key });
    }
    return { known: true, key: null, aoKeys };
  }

  #secret(
    passwordSecret: TcpAoKey["passwordSecret"],
  ): { readonly known: true; readonly key: string } | Extract<PasswordAnswer, { readonly known: false }> {
    const { namespace, read } = this.#ports;
    const name = `${passwordSecret.namespace}/${passwordSecret.name}`;
    if (passwordSecret.namespace !== namespace) {
      return { known: false, why: `Secret ${name}: Secrets are read from namespace ${namespace} alone: move it there` };
    }
    const known = this.#known.get(passwordSecret.name);
    if (known === undefined) {
      if (read === null) return { known: false, why: `there is no Secret ${name}: add it to the directory` };
      this.#wakeIn(0);
      return { known: false, why: `waiting for Secret ${name}` };
    }
    return known.password === null ? { known: false, why: known.why } : { known: true, key: known.password };
  }

  /** A Secret of a source that delivers them. */
  note(change: ObjectChange): void {
    if (change.type === "set" && change.object.kind === "Secret") {
      const { metadata, password } = change.object;
      if (metadata.namespace === this.#ports.namespace) this.#take(metadata.name, { result: "found", password });
    } else if (change.type === "delete" && change.ref.kind === "Secret" && change.ref.namespace === this.#ports.namespace) {
      this.#take(change.ref.name, { result: "failed", why: "it is gone" });
    }
  }

  stop(): void {
    this.#ended.abort();
    this.#timer?.cancel();
  }

  #wakeIn(millis: number): void {
    if (this.#reading || this.#ended.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.setTimer(millis, () => void this.#readAll());
  }

  async #readAll(): Promise<void> {
    const { read } = this.#ports;
    if (this.#reading || read === null) return;
    this.#reading = true;
    const { signal } = this.#ended;
    const wanted = this.#ports.wanted();
    for (const name of this.#known.keys()) if (!wanted.has(name)) this.#known.delete(name);
    for (const name of wanted) {
      const answer = await read(name, signal);
      if (signal.aborted) return;
      this.#take(name, answer);
    }
    this.#reading = false;
    if (wanted.size === 0) return;
    // One that was named meanwhile is not known yet.
    const missing = [...this.#ports.wanted()].map((name) => this.#known.get(name)?.password ?? null).includes(null);
    this.#wakeIn(missing ? RETRY_MILLIS : POLL_MILLIS);
  }

  #take(name: string, answer: SecretAnswer): void {
    const before = this.#known.get(name);
    const password = answer.result === "found" ? answer.password : null;
    const why = password === null ? this.#fault(name, answer) : "";
    const now: Known = { password: password ?? before?.password ?? null, why };
    this.#known.set(name, now);
    if (why !== "" && before?.why !== why) this.#ports.log({ event: "secret.unreadable", secret: this.#nameOf(name), why });
    if (before?.password !== now.password || (now.password === null && before?.why !== why)) this.#ports.changed();
  }

  #fault(name: string, answer: SecretAnswer): string {
    const why = answer.result === "failed" ? answer.why : "it has no key password of 1..80 octets";
    return `Secret ${this.#nameOf(name)}: ${why}`;
  }

  #nameOf(name: string): string {
    return `${this.#ports.namespace}/${name}`;
  }
}
