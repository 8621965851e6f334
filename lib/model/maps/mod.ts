/**
 * The maps that say which patches of an image a score is from.
 *
 * @module
 */
import { gradient } from "./gradient.ts";
import type { MapKind } from "./map.ts";
import { rollout } from "./rollout.ts";

/** The kinds of map by name. */
export const mapKinds = { gradient, rollout } as const satisfies Readonly<Record<string, MapKind>>;

/** The name of a kind of map. */
export type MapName = keyof typeof mapKinds;
