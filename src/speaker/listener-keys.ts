import type { Address, Family } from "../ip/address.ts";
import type { Admission } from "./listener.ts";
import { setMd5Key, setTtlRules } from "./sockopt/streams.ts";
import type { SystemCalls } from "./sockopt/system-calls.ts";
import { type AoKey, replaceListenerAoKeys } from "./sockopt/tcp-ao.ts";
import type { TtlRule } from "./sockopt/ttl-filter.ts";

interface AoCaller {
  readonly address: Address;
  readonly keys: readonly AoKey[];
}

/** The keys and the filter of one listening socket: the kernel asks callers before it answers them. */
export class ListenerKeys {
  readonly #calls: SystemCalls;
  readonly #fd: number;
  readonly #family: Family;
  readonly #refused: (address: Address, error: unknown) => void;
  readonly #keys = new Map<string, { readonly address: Address; readonly key: string }>();
  readonly #aoKeys = new Map<string, AoCaller>();
  #rules = "";

  /** `refused`: the kernel has no room for a key. Its caller is not answered then, since it signs what nobody here expects; dialling is another matter. */
  constructor(calls: SystemCalls, fd: number, family: Family, refused: (address: Address, error: unknown) => void) {
    this.#refused = refused;
    this.#calls = calls;
    this.#fd = fd;
    this.#family = family;
  }

  /** The newest word on all callers. Peers that share an address share its key: the first that has one counts. */
  replace(admissions: readonly Admission[]): void {
    const ours = admissions.filter(({ address }) => address.family === this.#family);
    const keys = new Map<string, { readonly address: Address; readonly key: string }>();
    for (const { address, md5Key } of ours) if (md5Key !== null && !keys.has(address.key)) keys.set(address.key, { address, key: md5Key });
    this.#replaceAo(ours);
    for (const [name, { address }] of this.#keys) {
      if (keys.has(name)) continue;
      setMd5Key(this.#calls, this.#fd, address, null);
      this.#keys.delete(name);
    }
    for (const [name, entry] of keys) {
      if (this.#keys.get(name)?.key === entry.key) continue;
      try {
        setMd5Key(this.#calls, this.#fd, entry.address, entry.key);
        this.#keys.set(name, entry);
      } catch (error) {
        this.#refused(entry.address, error);
      }
    }
    const rules = ours.flatMap(({ address, minimumTtl }): TtlRule[] => (minimumTtl === null ? [] : [{ address, minimumTtl }]));
    const text = JSON.stringify(rules.map(({ address, minimumTtl }) => [address.key, minimumTtl]).sort());
    if (text === this.#rules || (this.#rules === "" && rules.length === 0)) return;
    setTtlRules(this.#calls, this.#fd, this.#family, rules);
    this.#rules = text;
  }

  /** A kernel without TCP-AO is asked for nothing: peers that need it are held down. */
  #replaceAo(admissions: readonly Admission[]): void {
    const wanted = new Map<string, AoCaller>();
    for (const { address, aoKeys } of admissions)
      if (aoKeys.length > 0 && !wanted.has(address.key)) wanted.set(address.key, { address, keys: aoKeys });
    for (const [name, { address, keys }] of this.#aoKeys) {
      if (wanted.has(name)) continue;
      replaceListenerAoKeys(this.#calls, this.#fd, address, keys, []);
      this.#aoKeys.delete(name);
    }
    for (const [name, caller] of wanted) {
      try {
        replaceListenerAoKeys(this.#calls, this.#fd, caller.address, this.#aoKeys.get(name)?.keys ?? [], caller.keys);
        this.#aoKeys.set(name, caller);
      } catch (error) {
        this.#refused(caller.address, error);
      }
    }
  }
}
