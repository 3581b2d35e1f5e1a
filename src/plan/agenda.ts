/** Things to look at again at a given time: a binary heap of (milliseconds, subject). Entries that have lost their reason are looked at in vain. */

export class Agenda<T> {
  readonly #at: number[] = [];
  readonly #subjects: T[] = [];

  /** When the next entry is due; null = there is none. */
  get next(): number | null {
    return this.#at[0] ?? null;
  }

  add(atMillis: number, subject: T): void {
    let child = this.#at.push(atMillis) - 1;
    this.#subjects.push(subject);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.#time(parent) <= atMillis) break;
      this.#swap(parent, child);
      child = parent;
    }
  }

  /** Takes out the earliest entry that is due at `nowMillis`. */
  take(nowMillis: number): { readonly subject: T } | null {
    const subject = this.#subjects[0];
    if (subject === undefined || this.#time(0) > nowMillis) return null;
    this.#swap(0, this.#at.length - 1);
    this.#at.pop();
    this.#subjects.pop();
    this.#sink();
    return { subject };
  }

  #sink(): void {
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      if (left >= this.#at.length) return;
      const right = left + 1;
      const least = right < this.#at.length && this.#time(right) < this.#time(left) ? right : left;
      if (this.#time(parent) <= this.#time(least)) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #time(index: number): number {
    return this.#at[index] ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const [at, subject] = [this.#at[a], this.#subjects[a]];
    const [otherAt, otherSubject] = [this.#at[b], this.#subjects[b]];
    if (at === undefined || otherAt === undefined || subject === undefined || otherSubject === undefined) return;
    this.#at[a] = otherAt;
    this.#at[b] = at;
    this.#subjects[a] = otherSubject;
    this.#subjects[b] = subject;
  }
}
