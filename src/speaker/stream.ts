/** What a session needs of a TCP connection: the part of `net.Socket` that is used, so that a test can put another network underneath. */
export interface Stream {
  readonly localAddress?: string | undefined;
  readonly destroyed: boolean;
  /** False once ended or destroyed. */
  readonly writable: boolean;
  /** Octets that the kernel has not taken yet. */
  readonly writableLength: number;
  setNoDelay(noDelay: boolean): unknown;
  /** `taken` is called when the kernel has the octets, never before `write` has returned; they must not change until then. */
  write(octets: Uint8Array, taken: () => void): unknown;
  /** Half-close: what was written still goes out. */
  end(): unknown;
  /** At once; unread input makes it a reset. */
  destroy(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  once(event: "end" | "close", listener: () => void): unknown;
}
