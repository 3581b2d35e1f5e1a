import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { credentialsFor } from "../../../src/kube/credentials-for.ts";
import { InClusterCredentials } from "../../../src/kube/in-cluster.ts";
import { KubeconfigCredentials } from "../../../src/kube/kubeconfig.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "herald-credentials-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const NOW = { renew: false };

describe("a Pod's own credentials", () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "6443" };

  function mount(token: string, ca = "CA"): void {
    writeFileSync(join(directory, "token"), token);
    writeFileSync(join(directory, "ca.crt"), ca);
  }

  it("are token and authority from the mounted files, read before every request", async () => {
    const credentials = new InClusterCredentials({ env, directory });
    mount("first\n");
    const first = await credentials.read(NOW);
    mount("second", "CA 2");
    const second = await credentials.read(NOW);
    expect([first, second].map(({ server, tls, authorization }) => [server.href, tls.ca, authorization?.reveal()])).toEqual([
      ["https://10.96.0.1:6443/", "CA", "Bearer first"],
      ["https://10.96.0.1:6443/", "CA 2", "Bearer second"],
    ]);
  });

  it("stay as they were while the files cannot be read, but not when they were refused", async () => {
    const credentials = new InClusterCredentials({ env, directory });
    mount("first");
    await credentials.read(NOW);
    rmSync(join(directory, "token"));
    expect((await credentials.read(NOW)).authorization?.reveal()).toBe("Bearer first");
    await expect(credentials.read({ renew: true })).rejects.toMatchObject({ code: "UNREADABLE" });
  });

  it("that are not mounted, or empty, are an error in words", async () => {
    const credentials = new InClusterCredentials({ env, directory });
    await expect(credentials.read(NOW)).rejects.toMatchObject({ code: "UNREADABLE", remedy: expect.stringContaining("mount") });
    mount("\n");
    await expect(credentials.read(NOW)).rejects.toThrow("the token is empty");
  });

  it("lead to an IPv6 server, and to port 443 where none is said", async () => {
    mount("x");
    const credentials = new InClusterCredentials({ env: { KUBERNETES_SERVICE_HOST: "fd00::1" }, directory });
    expect((await credentials.read(NOW)).server.href).toBe("https://[fd00::1]/");
  });

  it("outside a Pod are an error that names what would help", () => {
    expect(() => new InClusterCredentials({ env: {}, directory })).toThrow(
      expect.objectContaining({ code: "UNREACHABLE", remedy: expect.stringContaining("--kubeconfig") }),
    );
  });
});

describe("a kubeconfig", () => {
  function write(users: unknown, more: Readonly<Record<string, unknown>> = {}, cluster: Readonly<Record<string, unknown>> = {}): string {
    const path = join(directory, "config");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: "one",
          cluster: { server: "https://one:6443", "certificate-authority-data": Buffer.from("CA").toString("base64"), ...cluster },
        },
      ],
      users: [{ name: "me", user: users }],
      contexts: [
        { name: "here", context: { cluster: "one", user: "me" } },
        { name: "lost", context: { cluster: "none", user: "me" } },
      ],
      "current-context": "here",
      ...more,
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  it("gives server, authority and token of its current context", async () => {
    const access = await credentialsFor({ kubeconfig: write({ token: "abc" }), context: "" }).read(NOW);
    expect([access.server.href, access.tls.ca, access.tls.verify, access.authorization?.reveal()]).toEqual([
      "https://one:6443/",
      "CA",
      true,
      "Bearer abc",
    ]);
  });

  it("gives a client certificate, from data or from files beside it, and a name for the server's", async () => {
    writeFileSync(join(directory, "me.key"), "KEY");
    const user = { "client-certificate-data": Buffer.from("CERT").toString("base64"), "client-key": "me.key" };
    const { tls, authorization } = await new KubeconfigCredentials({
      path: write(user, {}, { "tls-server-name": "kubernetes" }),
      context: "here",
    }).read(NOW);
    expect([tls.cert, tls.key?.reveal(), tls.servername, authorization]).toEqual(["CERT", "KEY", "kubernetes", null]);
  });

  it("runs a plugin for a token, once, and again when the token was refused", async () => {
    const counter = join(directory, "runs");
    const script = join(directory, "plugin.sh");
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      script,
      `#!/bin/sh\necho x >> ${counter}\nprintf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s","expirationTimestamp":"2999-01-01T00:00:00Z"}}' $(wc -l < ${counter})\n`,
      { mode: 0o755 },
    );
    const path = write({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: script, interactiveMode: "Never" } });
    const credentials = new KubeconfigCredentials({ path, context: "" });
    const tokens = [];
    for (const renew of [false, false, true]) tokens.push((await credentials.read({ renew })).authorization?.reveal());
    expect(tokens).toEqual(["Bearer t1", "Bearer t1", "Bearer t2"]);
  });

  it("reads the file of a token before every request, wherever it stands relative to; it wins over a token beside it", async () => {
    mkdirSync(join(directory, "tokens"));
    const file = join(directory, "tokens", "mine");
    writeFileSync(file, "first\n");
    const credentials = new KubeconfigCredentials({ path: write({ tokenFile: "tokens/mine", token: "beside" }), context: "" });
    const read = async (renew = false): Promise<string | undefined> => (await credentials.read({ renew })).authorization?.reveal();
    const before = await read();
    writeFileSync(file, "second\n");
    const after = await read();
    // Who replaces it may be half-way.
    rmSync(file);
    const meanwhile = await read();
    expect([before, after, meanwhile]).toEqual(["Bearer first", "Bearer second", "Bearer second"]);
    await expect(read(true)).rejects.toMatchObject({ code: "UNREADABLE", message: expect.stringContaining("tokens/mine") });
    writeFileSync(file, "third");
    expect(await read()).toBe("Bearer third");
  });

  it("of this user is found by KUBECONFIG, with the file of its token", async () => {
    writeFileSync(join(directory, "token"), "abc");
    const before = process.env["KUBECONFIG"];
    process.env["KUBECONFIG"] = write({ tokenFile: "token" });
    try {
      const access = await credentialsFor({ kubeconfig: "", context: "here" }).read(NOW);
      expect([access.server.href, access.authorization?.reveal()]).toEqual(["https://one:6443/", "Bearer abc"]);
    } finally {
      if (before === undefined) delete process.env["KUBECONFIG"];
      else process.env["KUBECONFIG"] = before;
    }
  });

  it("takes a client certificate from a plugin", async () => {
    const credential = { clientCertificateData: "CERT", clientKeyData: "KEY", expirationTimestamp: "2999-01-01T00:00:00Z" };
    const answer = JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: credential });
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "echo", args: [answer], interactiveMode: "Never" };
    const { tls, authorization } = await new KubeconfigCredentials({ path: write({ exec }), context: "" }).read(NOW);
    expect([tls.cert, tls.key?.reveal(), authorization]).toEqual(["CERT", "KEY", null]);
  });

  it("whose plugin fails is an error in one line with the plugin's words, and the next request runs it again", async () => {
    const works = join(directory, "works");
    const script = `test -e ${works} || { echo "login first" >&2; exit 1; }; echo '{"status":{"token":"t","expirationTimestamp":"2999-01-01T00:00:00Z"}}'`;
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "sh", args: ["-c", script], interactiveMode: "Never" };
    const credentials = new KubeconfigCredentials({ path: write({ exec }), context: "" });
    await expect(credentials.read(NOW)).rejects.toMatchObject({ code: "UNREADABLE", message: expect.stringContaining("login first") });
    writeFileSync(works, "");
    expect((await credentials.read(NOW)).authorization?.reveal()).toBe("Bearer t");
  });

  it("that changed is read again", async () => {
    const path = write({ token: "abc" });
    const credentials = new KubeconfigCredentials({ path, context: "" });
    await credentials.read(NOW);
    write({ token: "another" });
    expect((await credentials.read(NOW)).authorization?.reveal()).toBe("Bearer another");
  });

  it("that is missing, broken, or without the context asked for is an error in one line", async () => {
    const path = write({ token: "secret-token" });
    const broken = join(directory, "broken");
    writeFileSync(broken, "clusters: [\nnonsense");
    const cases: readonly [string, string, RegExp][] = [
      [join(directory, "none"), "", /ENOENT/],
      [broken, "", /kubeconfig/],
      [path, "elsewhere", /there is no context "elsewhere"/],
      [path, "lost", /names no cluster/],
    ];
    for (const [file, context, words] of cases) {
      const error: unknown = await new KubeconfigCredentials({ path: file, context }).read(NOW).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "UNREADABLE", message: expect.stringMatching(words) });
      expect(String(error)).not.toMatch(/\n|secret-token/);
    }
    expect(cases.length).toBe(4);
  });
});
