import { SpeakerError } from "../errors.ts";
import { EXIT, type ExitCode } from "./failure.ts";

/** Hidden `herald generate fsm`: docs/fsm.md, from stepping every state with every event. @throws {SpeakerError} USAGE */
export async function runGenerate(what: string): Promise<ExitCode> {
  if (what !== "fsm") throw new SpeakerError("USAGE", `generate ${what}: no such document`, { remedy: "generate fsm" });
  const { fsmDocument } = await import("../bgp/fsm/document.ts");
  process.stdout.write(fsmDocument());
  return EXIT.done;
}
