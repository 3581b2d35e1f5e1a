import { describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/clock.ts";
import type { KubeClient } from "../../../../src/kube/client.ts";
import { failureOfStatus, type Outcome } from "../../../../src/kube/failure.ts";
import { KubernetesSource } from "../../../../src/source/kubernetes/kubernetes-source.ts";

/** A source whose API server has one answer. */
function sourceWith(answer: Outcome<unknown>) {
  const asked: unknown[] = [];
  const unused = (): never => {
    throw new Error("only Secrets are asked for");
  };
  const client: Pick<KubeClient, "list" | "watch" | "get" | "check" | "close"> = {
    list: unused,
    watch: unused,
    check: unused,
    close: unused,
    get: async (resource, name) => {
      asked.push([resource.namespace, resource.plural, name]);
      return answer;
    },
  };
  const source = new KubernetesSource({
    client,
    heraldNamespace: "herald-system",
    serviceProxyName: "",
    clock: systemClock,
    random: () => 0,
  });
  return { asked, read: () => source.readSecret("key", new AbortController().signal) };
}

describe("a Secret read from an API server", () => {
  it("is asked for by name in Herald's namespace, and gives its password", async () => {
    const data = { password: Buffer.from("right").toString("base64"), username: "AAAA" };
    const { asked, read } = sourceWith({ ok: true, value: { apiVersion: "v1", kind: "Secret", metadata: { name: "key" }, data } });
    expect(await read()).toEqual({ result: "found", password: "right" });
    expect(asked).toEqual([["herald-system", "secrets", "key"]]);
  });

  it.each([
    [404, "there is none: create it"],
    [403, "may not be read: allow Herald's ServiceAccount to get it by name"],
    [500, "cannot be read (ServerError)"],
  ])("that fails with %i says what to do", async (status, why) => {
    const { read } = sourceWith({
      ok: false,
      failure: failureOfStatus(status, { body: Buffer.alloc(0), contentType: undefined }, undefined),
    });
    expect(await read()).toEqual({ result: "failed", why });
  });
});
