/**
 * Looks for faults that only show when something goes wrong: `deno run -A tests/faults.ts [disks] [damage] [together]
 * [read-only] [kills]`, all unless named. Full disks, damaged files, processes side by side, folders that cannot be written to
 * and kills must change no number and leave no rubbish.
 *
 * Each section has its share of `FAULTS_SECONDS`, 420 unless given, and says how many of its points that was enough for: the
 * first, the last, and others spread over all. `FAULTS_START`, 0 unless given, moves those on by so many.
 *
 * @module
 */
import { createCheck } from "./faults/check.ts";
import { damage } from "./faults/damage.ts";
import { canMount, fullDisks } from "./faults/full_disk.ts";
import { kills } from "./faults/kills.ts";
import { canDrop, readOnly } from "./faults/read_only.ts";
import { together } from "./faults/together.ts";
import { type Section, tryAll } from "./faults/trials.ts";
import { type Faults, openFaults } from "./faults/world.ts";

/** When no further point is begun, so that all takes at most eight minutes. */
const UNTIL = Number(Deno.env.get("FAULTS_SECONDS") ?? 420) * 1000;
const START = Number(Deno.env.get("FAULTS_START") ?? 0);

type Part = {
  readonly open: (faults: Faults) => Section | Promise<Section>;
  /** Of the time, in proportion to the others'. */
  readonly share: number;
  /** What keeps this machine from trying it. */
  readonly missing?: (faults: Faults) => Promise<string | undefined>;
};

const parts: Record<string, Part> = {
  disks: {
    open: fullDisks,
    share: 10,
    missing: async (faults) => await canMount(faults) ? undefined : "only root can mount a small disk",
  },
  together: { open: together, share: 20 },
  "read-only": {
    open: readOnly,
    share: 5,
    missing: async () => await canDrop() ? undefined : "root without setpriv",
  },
  damage: { open: damage, share: 30 },
  kills: { open: kills, share: 35 },
};
const named = Deno.args.length > 0 ? Deno.args : Object.keys(parts);
const unknown = named.find((name) => !(name in parts));
if (unknown !== undefined) {
  console.error(`Cannot look for faults: expected ${Object.keys(parts).join(", ")} but found ${unknown}`);
  Deno.exit(2);
}
const check = createCheck();
const faults = await openFaults();
try {
  for (const [i, name] of named.entries()) {
    const { open, share, missing } = parts[name];
    const reason = await missing?.(faults);
    if (reason !== undefined) {
      console.log(`${name}: 0 points, skipped: ${reason}`);
      continue;
    }
    // What a section leaves of its time goes to those after it.
    const rest = named.slice(i).reduce((sum, each) => sum + parts[each].share, 0);
    const now = performance.now();
    const until = now + (UNTIL - now) * share / rest;
    await tryAll(name, { section: await open(faults), check, until, start: START });
  }
} finally {
  await Deno.remove(faults.root, { recursive: true });
}
console.log(`${check.passed} passed, ${check.failed} failed`);
Deno.exit(check.failed > 0 ? 1 : 0);
