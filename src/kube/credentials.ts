import type { Secret } from "./secret.ts";

/** How to reach an API server and as whom, as it stands at one moment. */
export interface Access {
  /** `https://host:port`, with a path where every API path goes below one. */
  readonly server: URL;
  readonly tls: TlsMaterial;
  /** Value of the Authorization header; null = none is sent. */
  readonly authorization: Secret | null;
  /** Further headers, such as Impersonate-User. */
  readonly headers: Readonly<Record<string, string>>;
}

/** PEM texts; null = not set. */
export interface TlsMaterial {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: Secret | null;
  /** Name that the certificate must bear instead of the host's. */
  readonly servername: string | null;
  /** false = the server's certificate is not looked at. */
  readonly verify: boolean;
}

/** Where credentials come from. Asked before every request, so that what rotates is never older than the request. */
export interface Credentials {
  /** For messages: where they come from. */
  readonly source: string;
  /**
   * As they are now. `renew`: a server has refused the last ones, nothing remembered may be used.
   * @throws {SpeakerError} UNREADABLE, CONFIG_INVALID
   */
  read(options: { readonly renew: boolean }): Promise<Access>;
}
