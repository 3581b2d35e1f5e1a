import { describe, expect, it } from "vitest";
import { cutText, padText, printable, speaksUtf8, textWidth, toAscii, wrapText } from "../../../src/cli/terminal-text.ts";

const ESC = "\u001b";

describe("text of others on a terminal", () => {
  const UNSAFE = [
    ["an escape sequence", `a${ESC}[31mb`, "a [31mb"],
    ["a sequence of eight bits", "a\u009b31mb", "a 31mb"],
    ["a window title", `x${ESC}]0;owned\u0007`, "x ]0;owned "],
    ["line ends", "a\r\nb\u2028c", "a b c"],
    ["a tabulator", "a\tb", "a b"],
    ["marks that turn the direction", "a\u202egnp.exe\u2066", "a gnp.exe "],
    ["marks from right to left", "a\u200fb\u061cc", "a b c"],
    ["what nobody sees", "ad\u200bmin\ufeff", "ad min "],
    ["half a character", "a\ud800b", "a\ufffdb"],
  ] as const;
  it.each(UNSAFE)("cannot move the cursor with %s", (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("leaves alone what is only foreign", () => {
    for (const text of ["plain ascii ~", "größe", "日本", "שלום", "👩‍👩‍👧", "✓ – …"]) expect(printable(text)).toBe(text);
  });
});

describe("columns on a terminal", () => {
  const WIDTHS = [
    ["", 0],
    ["abc", 3],
    ["größe", 5],
    ["gro\u0308ße", 5],
    ["日本", 4],
    ["한국", 4],
    ["ｆｕｌｌ", 8],
    ["👍", 2],
    ["👍🏽", 2],
    ["👩‍👩‍👧", 2],
    ["🇨🇿", 2],
    ["❤️", 2],
    ["שלום", 4],
    ["✓–…", 3],
    ["a\u0301", 1],
  ] as const;
  it.each(WIDTHS)("of %j are %i", (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  it("are padded to", () => {
    expect([padText("日", 4), padText("long", 2)]).toEqual(["日  ", "long"]);
  });

  it("are cut to, between characters as people see them", () => {
    expect(cutText("node-with-a-long-name", 8, "…")).toBe("node-wi…");
    expect(cutText("日本語日本語", 6, "…")).toBe("日本…");
    expect(cutText("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 4, "…")).toBe("👩‍👩‍👧…");
    expect(cutText("fits", 4, "…")).toBe("fits");
    expect(cutText("plain text", 7, "...")).toBe("plai...");
  });

  it("are wrapped at spaces, and inside a word only where it fits no line", () => {
    expect(wrapText("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrapText("", 7)).toEqual([""]);
    expect(wrapText("a 0123456789 b", 6)).toEqual(["a 0123", "456789", "b"]);
    expect(wrapText("日本語日本語", 5)).toEqual(["日本", "語日", "本語"]);
    for (const width of [1, 2, 3, 10]) {
      const lines = wrapText("a quite long sentence 日本 of someword-that-is-long", width);
      expect(lines.join("").replaceAll(" ", "")).toBe("aquitelongsentence日本ofsomeword-that-is-long");
      expect(lines.filter((line) => textWidth(line) > Math.max(2, width))).toEqual([]);
    }
  });
});

describe("terminals that show ASCII alone", () => {
  it("get our own signs in words and a question mark for every other character", () => {
    expect(toAscii("✓ assumed")).toBe("ok assumed");
    expect(toAscii("✗ – … ×")).toBe("FAIL - ... x");
    expect(toAscii("größe 日本 👩‍👩‍👧")).toBe("gr??e ?? ?");
  });

  const LOCALES = [
    [{}, true],
    [{ LANG: "en_US.UTF-8" }, true],
    [{ LANG: "C.utf8" }, true],
    [{ LANG: "" }, true],
    [{ LANG: "C" }, false],
    [{ LANG: "POSIX" }, false],
    [{ LANG: "de_DE.ISO-8859-1" }, false],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, false],
    [{ LANG: "C", LC_CTYPE: "C.UTF-8" }, true],
    [{ LANG: "C", LC_CTYPE: "C", LC_ALL: "C.UTF-8" }, true],
  ] as const;
  it.each(LOCALES)("are those whose locale says so: %j", (env, isUtf8) => {
    expect(speaksUtf8(env)).toBe(isUtf8);
  });
});
