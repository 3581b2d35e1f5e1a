import { type CustomKind, DEFINITIONS, GROUP, type PrinterColumn, VERSION, WRITTEN_KINDS } from "./definitions.ts";
import { type CrdSchema, describe } from "./schema.ts";

/**
 * The CustomResourceDefinitions of our kinds (apiextensions.k8s.io/v1, structural schemas), from the same descriptions that check files.
 * Lists and texts are bounded, so that the cost the API server estimates for the CEL rules stays within its budget.
 */
export function crdDocuments(): readonly CrdSchema[] {
  return [...DEFINITIONS, ...WRITTEN_KINDS].map(crd);
}

/** One CRD as a plain value. */
function crd(definition: CustomKind): CrdSchema {
  const { kind, plural, shortNames } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}`, labels: { "app.kubernetes.io/name": "herald", "app.kubernetes.io/part-of": "herald" } },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length > 0 ? { shortNames } : {}),
        categories: ["herald"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [...definition.columns, AGE].map(column),
          schema: { openAPIV3Schema: root(definition) },
        },
      ],
    },
  };
}

const AGE: PrinterColumn = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since creation" };

function column({ name, type, jsonPath, description, priority = 0 }: PrinterColumn): CrdSchema {
  return { name, type, jsonPath, description, ...(priority > 0 ? { priority } : {}) };
}

function root({ description, spec, status }: CustomKind): CrdSchema {
  return {
    type: "object",
    description,
    ...(spec === null ? {} : { required: ["spec"] }),
    properties: {
      apiVersion: { type: "string", description: "Version of the schema of this object." },
      kind: { type: "string", description: "Kind of this object." },
      // An API server refuses a definition that says more about it.
      metadata: { type: "object" },
      ...(spec === null ? {} : { spec: describe({ ...spec, allowed: "", read: (value) => value }) }),
      status: {
        type: "object",
        description: "What Herald made of the object. Written by Herald.",
        // A newer Herald beside an older definition, as during an upgrade, may say more.
        "x-kubernetes-preserve-unknown-fields": true,
        properties: {
          observedGeneration: {
            type: "integer",
            format: "int64",
            minimum: 0,
            description: "metadata.generation that the status is about.",
          },
          conditions: CONDITIONS,
          ...status,
        },
      },
    },
  };
}

/** metav1.Condition. */
const CONDITIONS: CrdSchema = {
  type: "array",
  description: "Newest word on each aspect of the object.",
  maxItems: 32,
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["type"],
  items: {
    type: "object",
    description: "One aspect.",
    required: ["type", "status", "lastTransitionTime", "reason", "message"],
    properties: {
      type: { type: "string", maxLength: 316, description: "Name of the aspect." },
      status: { type: "string", enum: ["True", "False", "Unknown"], description: "Whether it holds." },
      observedGeneration: { type: "integer", format: "int64", minimum: 0, description: "metadata.generation that the condition is about." },
      lastTransitionTime: { type: "string", format: "date-time", description: "When the status last changed." },
      reason: { type: "string", minLength: 1, maxLength: 1024, description: "Why, in one word." },
      message: { type: "string", maxLength: 32768, description: "Why, for people." },
    },
  },
};
