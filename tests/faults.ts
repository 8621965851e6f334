/**
 * Looks for faults that only show when something goes wrong: `deno run -A tests/faults.ts [disks] [damage] [together]
 * [read-only] [kills]`, all unless named. Full disks, damaged files, processes side by side, folders that cannot be written to
 * and kills must change no number and leave no rubbish. As many kills are tried as fit `FAULTS_SECONDS`, 440 unless given.
 *
 * @module
 */
import { createCheck } from "./faults/check.ts";
import { damage } from "./faults/damage.ts";
import { fullDisks } from "./faults/full_disk.ts";
import { kills } from "./faults/kills.ts";
import { readOnly } from "./faults/read_only.ts";
import { together } from "./faults/together.ts";
import { type Faults, openFaults } from "./faults/world.ts";

/** When no further kill is begun, so that all takes at most eight minutes. */
const UNTIL = Number(Deno.env.get("FAULTS_SECONDS") ?? 440) * 1000;

const check = createCheck();
const sections: Record<string, (faults: Faults) => Promise<void>> = {
  disks: (faults) => fullDisks(faults, check),
  damage: (faults) => damage(faults, check),
  together: (faults) => together(faults, check),
  "read-only": (faults) => readOnly(faults, check),
  kills: (faults) => kills(faults, check, { until: UNTIL }),
};
const named = Deno.args.length > 0 ? Deno.args : Object.keys(sections);
const unknown = named.find((name) => !(name in sections));
if (unknown !== undefined) {
  console.error(`Cannot look for faults: expected ${Object.keys(sections).join(", ")} but found ${unknown}`);
  Deno.exit(2);
}
const faults = await openFaults();
try {
  for (const name of named) {
    const began = performance.now();
    await sections[name](faults);
    console.log(`${name}: ${Math.round((performance.now() - began) / 1000)} s`);
  }
} finally {
  await Deno.remove(faults.root, { recursive: true });
}
console.log(`${check.passed} passed, ${check.failed} failed`);
Deno.exit(check.failed > 0 ? 1 : 0);
