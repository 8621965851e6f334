/**
 * Memory that is given back now.
 *
 * @module
 */

/** Enough outside V8's heap for it to look for what nobody holds any more. */
const ANNOUNCED = 256e6;

/**
 * Has V8 collect now what nobody holds: after gigabytes of weights have gone to the tensor backend their arrays would wait for a
 * collection that little work in JavaScript brings about. A large buffer makes V8 look; it is never written to, and takes no memory.
 */
export async function collectUnused(): Promise<void> {
  new ArrayBuffer(ANNOUNCED);
  await new Promise((resolve) => setTimeout(resolve, 0)); // what is on the stack is held
}
