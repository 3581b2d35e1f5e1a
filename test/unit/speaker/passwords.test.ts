import { describe, expect, it } from "vitest";
import type { LogEvent } from "../../../src/log.ts";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import type { SecretAnswer } from "../../../src/source/source.ts";
import { Passwords } from "../../../src/speaker/passwords.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { accepted } from "../../support/raw-objects.ts";
import { bgpPeer } from "../../support/speaker-rig.ts";

const SIGNED = bgpPeer("tor", { passwordSecret: { name: "key" } });

/** `answers`: what an API server says about the Secret, in order; the last again and again. null = a source of files. */
function passwordsWith(answers: SecretAnswer[] | null, peers: readonly BGPPeer[] = [SIGNED]) {
  const clock = new FakeClock();
  const logged: LogEvent[] = [];
  const asked: string[] = [];
  let changes = 0;
  const passwords = new Passwords({
    clock,
    log: (event) => logged.push(event),
    namespace: "herald-system",
    wanted: () => new Set(peers.flatMap(({ passwordSecret }) => passwordSecret?.name ?? [])),
    changed: () => changes++,
    read:
      answers === null
        ? null
        : async (name) => {
            asked.push(name);
            return (answers.length > 1 ? answers.shift() : answers[0]) ?? { result: "failed", why: "" };
          },
  });
  /** Time passes, and what it started has ended. */
  const pass = async (millis: number): Promise<void> => {
    clock.advance(millis);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { passwords, logged, asked, pass, changes: () => changes };
}

const found = (password: string | null): SecretAnswer => ({ result: "found", password });

function secret(name: string, content: Readonly<Record<string, unknown>>, namespace = "herald-system") {
  return accepted("Secret", { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, ...content });
}

describe("passwords of peers (docs/security.md)", () => {
  it("are none, or the object's own", () => {
    const { passwords } = passwordsWith(null);
    expect(passwords.of(bgpPeer("tor", {}))).toEqual({ known: true, key: null });
    expect(passwords.of(bgpPeer("tor", { password: "plain" }))).toEqual({ known: true, key: "plain" });
  });

  it("come from Herald's own namespace alone", () => {
    const { passwords, asked } = passwordsWith([found("x")]);
    const elsewhere = bgpPeer("tor", { passwordSecret: { name: "key", namespace: "kube-system" } });
    expect(passwords.of(elsewhere)).toMatchObject({ known: false, why: expect.stringContaining("herald-system alone") });
    expect(asked).toEqual([]);
  });

  it("are read by name from an API server, waited for, and read again every half minute", async () => {
    const { passwords, asked, pass, changes } = passwordsWith([
      { result: "failed", why: "there is none" },
      found("one"),
      found("one"),
      found("two"),
    ]);
    expect(passwords.of(SIGNED)).toMatchObject({ known: false, why: "waiting for Secret herald-system/key" });
    await pass(0);
    expect(passwords.of(SIGNED)).toMatchObject({ known: false, why: "Secret herald-system/key: there is none" });
    await pass(5000);
    expect([passwords.of(SIGNED), changes()]).toEqual([{ known: true, key: "one" }, 2]);
    await pass(29_000);
    expect(asked.length).toBe(2);
    await pass(1000);
    expect([passwords.of(SIGNED), changes()]).toEqual([{ known: true, key: "one" }, 2]);
    await pass(30_000);
    expect([passwords.of(SIGNED), changes(), asked.length]).toEqual([{ known: true, key: "two" }, 3, 4]);
    passwords.stop();
  });

  it("stay in force when the Secret cannot be read any more, or has none", async () => {
    const { passwords, pass, logged } = passwordsWith([found("one"), { result: "failed", why: "may not be read" }, found(null)]);
    passwords.of(SIGNED);
    await pass(0);
    await pass(30_000);
    await pass(30_000);
    expect(passwords.of(SIGNED)).toEqual({ known: true, key: "one" });
    expect(logged.map((line) => line.event)).toEqual(["secret.unreadable", "secret.unreadable"]);
    expect(JSON.stringify(logged)).not.toContain("one");
    passwords.stop();
  });

  it("come with the objects of a directory, in base64 or as they are, and stay when the file goes", () => {
    const { passwords, changes } = passwordsWith(null);
    expect(passwords.of(SIGNED)).toMatchObject({ known: false, why: expect.stringContaining("there is no Secret herald-system/key") });
    passwords.note({ type: "set", object: secret("key", { data: { password: Buffer.from("encoded\n").toString("base64") } }) });
    expect(passwords.of(SIGNED)).toEqual({ known: true, key: "encoded" });
    passwords.note({ type: "set", object: secret("key", { stringData: { password: "as it is" } }) });
    expect(passwords.of(SIGNED)).toEqual({ known: true, key: "as it is" });
    passwords.note({ type: "delete", ref: { kind: "Secret", namespace: "herald-system", name: "key" }, resourceVersion: "" });
    expect([passwords.of(SIGNED), changes()]).toEqual([{ known: true, key: "as it is" }, 2]);
  });

  it("are keys of TCP-AO, all of them or none, in the order of the object and by the kernel's names", () => {
    const { passwords } = passwordsWith(null);
    const inHerald = (name: string) => ({ name, namespace: "herald-system" });
    const peer = bgpPeer("tor", {
      tcpAO: [
        { id: 2, receiveID: 3, algorithm: "AES-128-CMAC-96", passwordSecret: inHerald("new") },
        { id: 1, passwordSecret: inHerald("old") },
      ],
    });
    passwords.note({ type: "set", object: secret("new", { stringData: { password: "second" } }) });
    expect(passwords.of(peer)).toEqual({ known: false, why: "there is no Secret herald-system/old: add it to the directory" });
    passwords.note({ type: "set", object: secret("old", { stringData: { password: "first" } }) });
    expect(passwords.of(peer)).toEqual({
      known: true,
      key: null,
      aoKeys: [
        { sendId: 2, receiveId: 3, algorithm: "cmac(aes128)", secret: "second" },
        { sendId: 1, receiveId: 1, algorithm: "hmac(sha1)", secret: "first" },
      ],
    });
  });

  it("are refused where no kernel takes them", () => {
    const { passwords } = passwordsWith(null);
    for (const data of [{}, { password: "" }, { password: "not base64!" }, { password: Buffer.from("x".repeat(81)).toString("base64") }]) {
      passwords.note({ type: "set", object: secret("key", { data }) });
      expect(passwords.of(SIGNED)).toMatchObject({ known: false, why: expect.stringContaining("no key password of 1..80 octets") });
    }
  });
});
