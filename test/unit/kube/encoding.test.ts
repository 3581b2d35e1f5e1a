import { describe, expect, it } from "vitest";
import { acceptOf, Encodings } from "../../../src/kube/encoding.ts";
import { namespaceMessage, serviceMessage } from "../../../src/source/kubernetes/messages.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("the encoding of a watch", () => {
  it("is protobuf where its kind has a reader, and JSON for ten minutes after that failed; of this kind alone", () => {
    const clock = new FakeClock();
    const encodings = new Encodings(clock);
    const [services, namespaces] = [{ read: serviceMessage }, { read: namespaceMessage }];
    expect(encodings.readerOf(services)).toBe(serviceMessage);
    expect(encodings.readerOf({})).toBe(null);
    encodings.failed(serviceMessage);
    expect(encodings.readerOf(services)).toBe(null);
    expect(encodings.readerOf(namespaces)).toBe(namespaceMessage);
    clock.advance(599_999);
    expect(encodings.readerOf(services)).toBe(null);
    clock.advance(1);
    expect(encodings.readerOf(services)).toBe(serviceMessage);
  });

  it("is asked for with JSON as the second choice", () => {
    expect(acceptOf(serviceMessage)).toBe("application/vnd.kubernetes.protobuf,application/json");
    expect(acceptOf(null)).toBe("application/json");
  });
});
