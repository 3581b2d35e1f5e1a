import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../../src/clock.ts";
import { DirectorySource, type DirectorySourceOptions } from "../../../../src/source/directory/directory-source.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { RecordingSink } from "../../../support/recording-sink.ts";

/** A real directory and real watches; every test waits for what the source says and for nothing else. */

let root: string;
let outside: string;
let running: { readonly sink: RecordingSink; readonly source: DirectorySource; stop(): Promise<void> };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "herald-source-"));
  outside = mkdtempSync(join(tmpdir(), "herald-outside-"));
});
afterEach(async () => {
  await running.stop();
  rmSync(root, { recursive: true, force: true });
  rmSync(outside, { recursive: true, force: true });
});

function namespace(name: string, label = "x"): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n  labels: { v: ${label} }\n`;
}

function put(name: string, text: string, base = root): string {
  const path = join(base, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function start(options: Partial<DirectorySourceOptions> = {}): Promise<RecordingSink> {
  const sink = new RecordingSink();
  const source = new DirectorySource({ directory: root, heraldNamespace: "herald-system", clock: systemClock, ...options });
  const controller = new AbortController();
  const ended = source.run(sink, controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort();
    await ended;
  };
  running = { sink, source, stop };
  await Promise.race([sink.until(() => sink.syncedCount > 0), ended]);
  return sink;
}

/** Label `v` of a Namespace as last delivered. */
function label(sink: RecordingSink, name: string): string | undefined {
  return sink.objects.find(({ metadata }) => metadata.name === name)?.metadata.labels["v"];
}

describe("the first state of a directory", () => {
  it("comes in one batch, then synced, once", async () => {
    put("a.yaml", `${namespace("one")}---\n${namespace("two")}`);
    put("deep/b.json", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "three" } }));
    const sink = await start();
    expect(sink.names).toEqual(["Namespace one", "Namespace three", "Namespace two"]);
    expect([sink.batches.length, sink.syncedAfter, sink.syncedCount]).toEqual([1, 1, 1]);
    expect(running.source.state().map(({ synced }) => synced)).toEqual(Array(10).fill(true));
  });

  it("of an empty directory is empty and synced", async () => {
    const sink = await start();
    expect([sink.batches.length, sink.names.length, sink.syncedCount]).toEqual([1, 0, 1]);
  });

  it("takes the good objects of broken files and says what is wrong", async () => {
    put("a.yaml", `${namespace("one")}---\nbroken: [\n`);
    const sink = await start();
    expect(sink.names).toEqual(["Namespace one"]);
    expect(sink.findings).toMatchObject([{ code: "syntax", file: join(root, "a.yaml"), line: 8 }]);
  });

  it("of a directory that is not there is an error in words", async () => {
    running = {
      sink: new RecordingSink(),
      source: new DirectorySource({ directory: "", heraldNamespace: "", clock: systemClock }),
      stop: async () => {},
    };
    const run = async (directory: string): Promise<unknown> =>
      new DirectorySource({ directory, heraldNamespace: "x", clock: systemClock })
        .run(new RecordingSink(), new AbortController().signal)
        .catch((cause: unknown) => cause);
    expect(await run(join(root, "nothing"))).toMatchObject({
      code: "UNREADABLE",
      message: `directory ${root}/nothing: there is no such file or directory`,
    });
    expect(await run(put("file.yaml", ""))).toMatchObject({ code: "UNREADABLE", message: expect.stringContaining("is not a directory") });
  });
});

describe("changes of a directory", () => {
  it("arrive: a new file, a changed one, a deleted one, one in a new directory", async () => {
    const sink = await start();
    put("a.yaml", namespace("one"));
    await sink.until(() => label(sink, "one") === "x");
    put("a.yaml", namespace("one", "y"));
    await sink.until(() => label(sink, "one") === "y");
    put("new/deeper/b.yaml", namespace("two"));
    await sink.until(() => sink.names.length === 2);
    put("new/deeper/b.yaml", namespace("two", "z"));
    await sink.until(() => label(sink, "two") === "z");
    rmSync(join(root, "new"), { recursive: true });
    await sink.until(() => sink.names.length === 1);
    unlinkSync(join(root, "a.yaml"));
    await sink.until(() => sink.names.length === 0);
    expect(sink.changes(1)).toEqual([
      "set Namespace one",
      "set Namespace one",
      "set Namespace two",
      "set Namespace two",
      "delete Namespace two",
      "delete Namespace one",
    ]);
    expect(sink.faults).toEqual([]);
  });

  it("arrive when a file is renamed over another, again and again", async () => {
    put("a.yaml", namespace("one", "v0"));
    const sink = await start();
    for (let round = 1; round <= 5; round++) {
      renameSync(put("next", namespace("one", `v${round}`)), join(root, "a.yaml"));
      await sink.until(() => label(sink, "one") === `v${round}`);
    }
    expect(sink.changes(1)).toEqual(Array(5).fill("set Namespace one"));
  });

  it("arrive when the ..data link of a mounted ConfigMap is swapped", async () => {
    put("..2026_1/a.yaml", namespace("one", "v1"));
    symlinkSync("..2026_1", join(root, "..data"));
    symlinkSync("..data/a.yaml", join(root, "a.yaml"));
    const sink = await start();
    expect(label(sink, "one")).toBe("v1");
    for (let round = 2; round <= 4; round++) {
      put(`..2026_${round}/a.yaml`, namespace("one", `v${round}`));
      symlinkSync(`..2026_${round}`, join(root, "..data_tmp"));
      renameSync(join(root, "..data_tmp"), join(root, "..data"));
      rmSync(join(root, `..2026_${round - 1}`), { recursive: true });
      await sink.until(() => label(sink, "one") === `v${round}`);
    }
    expect(sink.changes(1)).toEqual(Array(3).fill("set Namespace one"));
    expect(sink.findings).toEqual([]);
  });

  it("arrive when the directory behind a link is another one", async () => {
    put("v1/a.yaml", namespace("one", "v1"), outside);
    put("v2/a.yaml", namespace("one", "v2"), outside);
    symlinkSync(join(outside, "v1"), join(root, "current"));
    const sink = await start();
    symlinkSync(join(outside, "v2"), join(root, "next"));
    renameSync(join(root, "next"), join(root, "current"));
    await sink.until(() => label(sink, "one") === "v2");
    // The watch is on the new directory now.
    put("v2/a.yaml", namespace("one", "v3"), outside);
    await sink.until(() => label(sink, "one") === "v3");
    expect(sink.changes(1)).toEqual(["set Namespace one", "set Namespace one"]);
  });

  it("are none when a file is touched, rewritten with the same content, or reordered", async () => {
    put("a.yaml", `${namespace("one")}---\n${namespace("two")}`);
    const sink = await start();
    utimesSync(join(root, "a.yaml"), new Date(), new Date());
    put("a.yaml", `${namespace("one")}---\n${namespace("two")}`);
    put("a.yaml", `# reordered\n${namespace("two")}---\n${namespace("one")}`);
    put("b.yaml", namespace("last"));
    await sink.until(() => sink.names.includes("Namespace last"));
    expect(sink.changes(1)).toEqual(["set Namespace last"]);
  });

  it("all arrive although timers fire early, also while it looks", async () => {
    const early: Clock = { ...systemClock, setTimer: (delay, callback) => systemClock.setTimer(delay <= 50 ? 0 : delay, callback) };
    put("a.yaml", namespace("one", "v0"));
    const sink = await start({ clock: early });
    for (let edit = 1; edit <= 150; edit++) {
      put("a.yaml", namespace("one", `v${edit}`));
      // No wait for what is said of it: the next edit falls into the look at this one.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sink.until(() => label(sink, "one") === "v150");
    expect(label(sink, "one")).toBe("v150");
  });

  it("are none when an object moves to another file", async () => {
    put("a.yaml", namespace("one"));
    const sink = await start();
    renameSync(join(root, "a.yaml"), join(root, "z.yaml"));
    put("b.yaml", namespace("last"));
    await sink.until(() => sink.names.includes("Namespace last"));
    unlinkSync(join(root, "z.yaml"));
    await sink.until(() => !sink.names.includes("Namespace one"));
    expect(sink.changes(1)).toEqual(["set Namespace last", "delete Namespace one"]);
  });

  it("leave the last valid objects of a file that breaks, and go on when it is mended", async () => {
    put("a.yaml", namespace("one", "good"));
    const sink = await start();
    put("a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: [\n");
    await sink.until(() => sink.findings.length === 1);
    expect(sink.findings).toMatchObject([{ severity: "error", code: "syntax", file: join(root, "a.yaml") }]);
    expect(label(sink, "one")).toBe("good");
    put("a.yaml", namespace("one", "mended"));
    await sink.until(() => label(sink, "one") === "mended");
    expect(sink.findings).toEqual([]);
    expect(sink.changes(1)).toEqual(["set Namespace one"]);
  });

  it("leave the last valid version of an object that becomes invalid, and take the others of its file", async () => {
    const service = (policy: string): string =>
      `---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { externalTrafficPolicy: ${policy} }\n`;
    put("a.yaml", namespace("one") + service("Local"));
    const sink = await start();
    put("a.yaml", namespace("one", "new") + service("Loca"));
    await sink.until(() => label(sink, "one") === "new");
    expect(sink.objects.find(({ kind }) => kind === "Service")).toMatchObject({ externalTrafficPolicy: "Local" });
    expect(sink.findings).toMatchObject([{ code: "invalidValue", field: "spec.externalTrafficPolicy", line: 10 }]);
    expect(sink.changes(1)).toEqual(["set Namespace one"]);
  });

  it("say a half-written file only once it is whole", async () => {
    put("a.yaml", `${namespace("one", "old")}---\n${namespace("two", "old")}`);
    const sink = await start();
    const path = join(root, "a.yaml");
    // As an editor does it: empty the file, write the first half, then the rest.
    writeFileSync(path, "");
    writeFileSync(path, namespace("one", "new").slice(0, -20));
    await new Promise<void>((resolve) => setImmediate(resolve));
    writeFileSync(path, `${namespace("one", "new")}---\n${namespace("two", "new")}`);
    await sink.until(() => label(sink, "two") === "new");
    expect(sink.changes(1)).toEqual(["set Namespace one", "set Namespace two"]);
  });

  it("arrive in a directory of many files, whatever the events name, and deletions and links with them", async () => {
    for (let i = 0; i < 300; i++) put(`n${i}.yaml`, namespace(`n${i}`));
    const sink = await start();
    expect(sink.names).toHaveLength(300);
    put("n7.yaml", namespace("n7", "y"));
    await sink.until(() => label(sink, "n7") === "y");
    renameSync(put("next", namespace("n8", "y")), join(root, "n8.yaml"));
    await sink.until(() => label(sink, "n8") === "y");
    unlinkSync(join(root, "n9.yaml"));
    await sink.until(() => sink.names.length === 299);
    put("deep/er/new.yaml", namespace("new"));
    await sink.until(() => sink.names.length === 300);
    put("..v2/n10.yaml", namespace("n10", "y"));
    symlinkSync("..v2/n10.yaml", join(root, "link"));
    renameSync(join(root, "link"), join(root, "n10.yaml"));
    await sink.until(() => label(sink, "n10") === "y");
    expect(sink.changes(1)).toEqual([
      "set Namespace n7",
      "set Namespace n8",
      "delete Namespace n9",
      "set Namespace new",
      "set Namespace n10",
    ]);
  });

  it("of YAML without a last line feed wait a moment, of JSON do not", async () => {
    const clock = new FakeClock();
    let event = (_name: string): void => {};
    const sink = await start({
      clock,
      watch: (_path, onEvent) => {
        event = onEvent;
        return { close: () => {} };
      },
    });
    put("a.yaml", namespace("one").trimEnd());
    put("b.json", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "two" } }));
    event("a.yaml");
    clock.advance(10);
    await sink.until(() => sink.names.includes("Namespace two"));
    expect(sink.names).toEqual(["Namespace two"]);
    expect(clock.nextAt).toBe(50);
    clock.advance(40);
    await sink.until(() => sink.names.includes("Namespace one"));
  });

  it("to nothing at all are believed after a second, not at once", async () => {
    const clock = new FakeClock();
    let event = (_name: string): void => {};
    put("a.yaml", namespace("one"));
    put("b.yaml", namespace("two"));
    const sink = await start({
      clock,
      watch: (_path, onEvent) => {
        event = onEvent;
        return { close: () => {} };
      },
    });
    put("a.yaml", "");
    put("b.yaml", namespace("two", "y"));
    event("a.yaml");
    clock.advance(10);
    await sink.until(() => label(sink, "two") === "y");
    expect(sink.names).toEqual(["Namespace one", "Namespace two"]);
    expect(clock.nextAt).toBe(1010);
    clock.advance(1000);
    await sink.until(() => sink.names.length === 1);
    expect(sink.changes(1)).toEqual(["set Namespace two", "delete Namespace one"]);
  });

  it("see a second write of the same size in the same tick of the file system's clock", async () => {
    const sink = await start();
    for (let round = 0; round < 20; round++) {
      const name = `n${round}`;
      put("a.yaml", namespace(name, "a"));
      put("a.yaml", namespace(name, "b"));
      await sink.until(() => label(sink, name) === "b");
    }
    expect(sink.names).toEqual(["Namespace n19"]);
  });

  it("are found by looking every second where no watch can be had, with one fault", async () => {
    const refuse = (): never => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    };
    const clock = new FakeClock();
    put("sub/a.yaml", namespace("one"));
    const sink = await start({ watch: refuse, clock });
    expect(sink.faults).toEqual([expect.stringMatching(/^cannot watch .*max_user_watches.*looking every second$/)]);
    put("sub/a.yaml", namespace("one", "y"));
    expect(clock.nextAt).toBe(1000);
    clock.advance(1000);
    await sink.until(() => label(sink, "one") === "y");
    expect(sink.faults).toHaveLength(1);
  });

  it("that no watch tells are found by looking every five seconds", async () => {
    const clock = new FakeClock();
    put("a.yaml", namespace("one"));
    const sink = await start({ watch: () => ({ close: () => {} }), clock });
    put("a.yaml", namespace("one", "y"));
    expect(clock.nextAt).toBe(5000);
    clock.advance(4999);
    expect(label(sink, "one")).toBe("x");
    clock.advance(1);
    await sink.until(() => label(sink, "one") === "y");
    expect(running.source.state()[0]).toEqual({ kind: "Namespace", synced: true, lastEventAgeMillis: 0 });
  });

  it("keep everything while the directory itself is away", async () => {
    put("a.yaml", namespace("one"));
    put("sub/s.yaml", namespace("sub"));
    const sink = await start();
    const away = `${root}-away`;
    renameSync(root, away);
    await sink.until(() => sink.faults.length > 0 && sink.findings.length > 0);
    expect(sink.faults).toEqual([expect.stringMatching(/^cannot read .*no such file or directory.*keeping what it held$/)]);
    expect(sink.names).toEqual(["Namespace one", "Namespace sub"]);
    expect(sink.findings).toMatchObject([{ code: "unreadable", file: root }]);
    renameSync(away, root);
    put("b.yaml", namespace("two"));
    await sink.until(() => sink.names.length === 3);
    expect(sink.changes(1)).toEqual(["set Namespace two"]);
    expect(sink.findings).toEqual([]);
  });
});
