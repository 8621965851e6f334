/**
 * Memory that is given back now.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What fewer images leave behind is not worth the tenth of a second that a collection takes. */
const MANY_IMAGES = 10_000;

/**
 * Has V8 collect now what nobody holds. Else it may wait long: little work in JavaScript brings a collection about, and V8 does not count
 * all that hangs on its objects, such as the state of a hash.
 */
export async function collectUnused(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0)); // what is on the stack is held
  // Announcing a large buffer only has V8 begin, or go on where it has begun and keep what was held then.
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

/** The same after work on so many images, where they are many: V8 would let its heap grow by hundreds of megabytes instead. */
export async function collectAfter(images: number): Promise<void> {
  if (images >= MANY_IMAGES) await collectUnused();
}
