import { parseCommunity, WELL_KNOWN_COMMUNITIES } from "../ip/communities.ts";
import { ALIAS_RULE, COMMUNITY_RULE } from "./cel.ts";
import type { Community, Metadata } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { type Parsed, text } from "./scalars.ts";
import { quoted, type TypeOf } from "./schema.ts";
import { list, object, required } from "./structures.ts";

/** What an alias may be called: nothing that could be a community in numbers. */
export const ALIAS_PATTERN = "^[A-Za-z][A-Za-z0-9._-]*$";

/** spec of a Community. */
export const communitySpec = object("Names for communities, to be used in advertisements.", {
  communities: required(
    list(
      "The names.",
      object("One name.", {
        name: required(
          text("The alias.", parseAlias, {
            maxLength: 63,
            pattern: ALIAS_PATTERN,
            allowed: "a letter, then letters, digits, ., _ and -",
            cel: [ALIAS_RULE],
          }),
        ),
        value: required(
          text("What it stands for.", parseAliased, {
            maxLength: 63,
            allowed: "65000:1, large:1:2:3 or a well-known name like no-export",
            cel: [COMMUNITY_RULE],
          }),
        ),
      }),
      { max: 256, unique: { key: "name" } },
    ),
  ),
});

/** herald.dev/v1alpha1 Community. */
export function projectCommunity(spec: TypeOf<typeof communitySpec>, metadata: Metadata): Community {
  return { kind: "Community", metadata, communities: spec.communities };
}

/** The community, by well-known name or alias, that a person most likely meant; undefined when none is near. */
export function nearestCommunity(written: string, aliases: readonly string[]): string | undefined {
  return nearest(written, [...Object.keys(WELL_KNOWN_COMMUNITIES), ...aliases]);
}

function parseAlias(value: string): Parsed<string> {
  // A well-known name always means what its RFC says, and what reads like one is taken for it.
  if (parseCommunity(value).ok) return { ok: false, why: `${quoted(value)} is a community of its own` };
  const plain = value.toLowerCase().replaceAll(/[._]/g, "-");
  if (parseCommunity(plain).ok) return { ok: false, why: `${quoted(value)} reads like ${plain}, which is a community of its own` };
  return { ok: true, value };
}

function parseAliased(value: string): Parsed<string> {
  const parsed = parseCommunity(value);
  if (parsed.ok) return { ok: true, value };
  const near = nearestCommunity(value, []);
  return { ok: false, why: near === undefined ? parsed.why : `${parsed.why}: did you mean ${near}?` };
}
