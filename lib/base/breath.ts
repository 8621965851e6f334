/**
 * Pauses in long work, in which an interrupt is heard.
 *
 * @module
 */

/**
 * Lets signals and timers be heard between pieces of work that leave no room for them.
 *
 * @throws the signal's reason once it has fired.
 */
export async function takeBreath(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  signal?.throwIfAborted();
}
