/** X.509 certificates for test servers, made of Node's own crypto: no program has to be there for it. */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

export interface Certificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Authority extends Certificate {
  /** A certificate for a server with these names and IPv4 addresses, or for a client whose user is `commonName` in group `organization`. */
  issue(subject: { readonly commonName: string; readonly organization?: string; readonly hosts?: readonly string[] }): Certificate;
}

/** A new certification authority, valid for a day. */
export function createAuthority(commonName: string): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = distinguishedName(commonName);
  const isAuthority = extension("2.5.29.19", sequence(boolean(true)), true);
  const self = certificate({ subject: name, issuer: name, publicKey: keys.publicKey, signer: keys.privateKey, extensions: [isAuthority] });
  return {
    ...pems(self, keys.privateKey),
    issue({ commonName: subject, organization, hosts = [] }) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const extensions = hosts.length === 0 ? [] : [extension("2.5.29.17", sequence(...hosts.map(generalName)), false)];
      const subjectName = distinguishedName(subject, organization);
      return pems(
        certificate({ subject: subjectName, issuer: name, publicKey: own.publicKey, signer: keys.privateKey, extensions }),
        own.privateKey,
      );
    },
  };
}

interface CertificateFields {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280 §4.1. */
function certificate({ subject, issuer, publicKey, signer, extensions }: CertificateFields): Buffer {
  const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
  const version = der(0xa0, der(0x02, Buffer.from([2])));
  const serial = der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)]));
  const keyInfo = publicKey.export({ type: "spki", format: "der" });
  const now = Date.now();
  const validity = sequence(time(now - 3_600_000), time(now + 86_400_000));
  const tail = extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))];
  const body = sequence(version, serial, ecdsaWithSha256, issuer, validity, subject, keyInfo, ...tail);
  return sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, signer)])));
}

function distinguishedName(commonName: string, organization?: string): Buffer {
  const attribute = (oid: string, text: string): Buffer => der(0x31, sequence(objectIdentifier(oid), der(0x0c, Buffer.from(text))));
  const organizations = organization === undefined ? [] : [attribute("2.5.4.10", organization)];
  return sequence(...organizations, attribute("2.5.4.3", commonName));
}

function generalName(host: string): Buffer {
  return isIPv4(host) ? der(0x87, Buffer.from(host.split(".").map(Number))) : der(0x82, Buffer.from(host));
}

function extension(oid: string, value: Buffer, critical: boolean): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), der(0x04, value));
}

function time(epochMillis: number): Buffer {
  const text = new Date(epochMillis).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x18, Buffer.from(text));
}

function boolean(value: boolean): Buffer {
  return der(0x01, Buffer.from([value ? 0xff : 0]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const octets = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) octets.unshift((left & 0x7f) | 0x80);
  return octets;
}

/** Tag, length, value. */
function der(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), value]);
}

function pems(certificateDer: Buffer, key: KeyObject): Certificate {
  const lines = certificateDer.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    certPem: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    keyPem: String(key.export({ type: "pkcs8", format: "pem" })),
  };
}
