import { messageTypeName } from "../bgp/wire/iana.ts";

export type Direction = "sent" | "received";

/** Messages and NOTIFICATIONs of one peer since the process started. */
export class MessageCounters {
  readonly #messages = new Map<string, { readonly direction: Direction; readonly type: string; count: number }>();
  readonly #notifications = new Map<
    string,
    { readonly direction: Direction; readonly code: number; readonly subcode: number; count: number }
  >();

  /** `type`: the octet of RFC 4271 §4.1. */
  count(direction: Direction, type: number, count = 1): void {
    const known = this.#messages.get(`${direction} ${type}`);
    if (known !== undefined) known.count += count;
    // A peer chooses the type octet: one series for all that have no name.
    else if (type < 1 || type > 5) this.#add(direction, 0, "other", count);
    else this.#add(direction, type, messageTypeName(type).toLowerCase(), count);
  }

  countNotification(direction: Direction, code: number, subcode: number): void {
    const key = `${direction} ${code} ${subcode}`;
    const known = this.#notifications.get(key);
    if (known !== undefined) known.count++;
    else this.#notifications.set(key, { direction, code, subcode, count: 1 });
  }

  of(direction: Direction, type: number): number {
    return this.#messages.get(`${direction} ${type}`)?.count ?? 0;
  }

  messages(): Iterable<{ readonly direction: Direction; readonly type: string; readonly count: number }> {
    return this.#messages.values();
  }

  notifications(): Iterable<{ readonly direction: Direction; readonly code: number; readonly subcode: number; readonly count: number }> {
    return this.#notifications.values();
  }

  #add(direction: Direction, type: number, name: string, count: number): void {
    const key = `${direction} ${type}`;
    const known = this.#messages.get(key);
    if (known !== undefined) known.count += count;
    else this.#messages.set(key, { direction, type: name, count });
  }
}
