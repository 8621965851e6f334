/**
 * Images of several lists → each once under each perturbation.
 *
 * @module
 */
import { perturbationName } from "../../images/perturbations/perturbation.ts";
import type { EncodeItem } from "../../model/features/encode.ts";

/**
 * The first of the items with each path and perturbation, in their order.
 *
 * Found by a table of numbers: a set of a million paths would keep each as a text of its own, which takes more than all else that is known
 * of the image.
 */
export function eachOnce(items: readonly EncodeItem[]): EncodeItem[] {
  const hashes = Int32Array.from(items, hashOf);
  /** Places of items, counted from 1, each in the first free slot from that of its hash on; 0 is free. */
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * items.length + 1)));
  return items.filter((item, i) => {
    for (let slot = hashes[i] & (slots.length - 1);; slot = (slot + 1) & (slots.length - 1)) {
      const other = slots[slot] - 1;
      if (other < 0) {
        slots[slot] = i + 1;
        return true;
      }
      // Texts are compared for the few whose hashes agree: the engine then puts their parts together, and keeps that.
      if (hashes[other] === hashes[i] && isSame(items[other], item)) return false;
    }
  });
}

/** FNV-1a of 32 bits of an item's name, which is put together anew: the path itself stays in its parts. */
function hashOf({ sample: { path }, perturbation }: EncodeItem): number {
  const name = `${perturbation ? perturbationName(perturbation) : ""}\0${path}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}

function isSame(a: EncodeItem, b: EncodeItem): boolean {
  const [one, other] = [a, b].map(({ perturbation }) => perturbation && perturbationName(perturbation));
  return one === other && a.sample.path === b.sample.path;
}
