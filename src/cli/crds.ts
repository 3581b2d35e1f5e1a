import { EXIT, type ExitCode } from "./failure.ts";

/** `herald crds`: the CustomResourceDefinitions, in YAML documents. */
export async function runCrds(): Promise<ExitCode> {
  const { crdDocuments } = await import("../objects/crd.ts");
  const { stringifyYaml } = await import("../text/yaml.ts");
  process.stdout.write(crdDocuments().map(stringifyYaml).join("---\n"));
  return EXIT.done;
}
