import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadPaths } from "../../../../src/source/directory/files.ts";

describe("config/demo", () => {
  it("is a whole cluster that Herald reads without a finding", async () => {
    const directory = fileURLToPath(new URL("../../../../config/demo", import.meta.url));
    const loaded = await loadPaths([directory], { heraldNamespace: "herald-system" });
    expect(loaded.findings).toEqual([]);
    expect(loaded).toMatchObject({ ignored: 0, refused: 0 });
    const kinds = new Set(loaded.objects.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(expect.arrayContaining(["BGPAdvertisement", "BGPPeer", "EndpointSlice", "Node", "Service"]));
  });
});
