import { describe, expect, it } from "vitest";
import { exitCodeOf, formatFailure } from "../../../src/cli/failure.ts";
import { SpeakerError } from "../../../src/errors.ts";

describe("failures on stderr", () => {
  it("are one line: what, why, what to do", () => {
    const error = new SpeakerError("UNREADABLE", "objects/: permission denied", { remedy: "chmod it" });
    expect(formatFailure(error, false)).toBe("herald: objects/: permission denied: chmod it");
  });

  it("are one line without a remedy, too", () => {
    expect(formatFailure(new SpeakerError("UNREADABLE", "x: gone"), false)).toBe("herald: x: gone");
  });

  it("are a line per fault where a file has several", () => {
    const error = new SpeakerError("CONFIG_INVALID", "h.yaml:1:1: bad\nh.yaml:2:1: worse", { remedy: "mend it" });
    expect(formatFailure(error, false)).toBe("herald: h.yaml:1:1: bad\nherald: h.yaml:2:1: worse: mend it");
  });

  it("show no stack unless it is asked for, and then the causes too", () => {
    const error = new SpeakerError("UNREADABLE", "x: gone", { cause: new Error("ENOENT") });
    expect(formatFailure(error, false)).not.toContain("at ");
    const long = formatFailure(error, true);
    expect(long.split("\n")[0]).toBe("herald: x: gone");
    expect(long).toContain("caused by: Error: ENOENT");
  });

  it("call a bug a bug", () => {
    expect(formatFailure(new Error("undefined is not a function"), false)).toMatch(
      /^herald: internal error: undefined is not a function: /,
    );
  });

  it("exit with 2 for wrong use and 1 for everything else", () => {
    expect(exitCodeOf(new SpeakerError("USAGE", "x"))).toBe(2);
    for (const code of [
      "CONFIG_INVALID",
      "UNREADABLE",
      "SUBJECT_UNKNOWN",
      "UNREACHABLE",
      "ADDRESS_IN_USE",
      "LOCKED",
      "UNSUPPORTED",
    ] as const) {
      expect(exitCodeOf(new SpeakerError(code, "x"))).toBe(1);
    }
    expect(exitCodeOf(new Error("x"))).toBe(1);
  });
});
