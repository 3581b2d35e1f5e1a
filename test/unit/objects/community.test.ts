import { describe, expect, it } from "vitest";
import { accepted, ours, refusal } from "../../support/raw-objects.ts";

describe("a Community", () => {
  it("names communities", () => {
    const communities = [
      { name: "blue", value: "65000:1" },
      { name: "keep", value: "no-export" },
      { name: "big", value: "large:1:2:3" },
    ];
    expect(accepted("Community", ours("Community", { communities })).communities).toEqual(communities);
  });

  const bad: readonly [unknown, string, RegExp][] = [
    [[{ name: "a", value: "b" }], "spec.communities[0].value", /neither/],
    [[{ name: "a", value: "no-exports" }], "spec.communities[0].value", /did you mean no-export\?/],
    [[{ name: "a" }], "spec.communities[0].value", /missing/],
    [[{ name: "no-export", value: "1:1" }], "spec.communities[0].name", /community of its own/],
    [[{ name: "No_Export", value: "1:1" }], "spec.communities[0].name", /reads like no-export/],
    [[{ name: "1a", value: "1:1" }], "spec.communities[0].name", /is not a letter/],
    [
      [
        { name: "a", value: "1:1" },
        { name: "a", value: "1:2" },
      ],
      "spec.communities[1].name",
      /already item 0/,
    ],
    [{}, "spec.communities", /where a list/],
  ];

  it("refuses names and values that would be read as something else", () => {
    for (const [communities, field, message] of bad) {
      const findings = refusal(ours("Community", { communities }));
      expect(findings, field).toHaveLength(1);
      expect(findings[0]).toMatchObject({ field });
      expect(findings[0]?.message).toMatch(message);
    }
    expect(bad.length).toBe(8);
  });
});
