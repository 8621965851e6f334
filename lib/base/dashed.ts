/**
 * Names as code has them → names as flags have them.
 *
 * @module
 */

/** `crossEntropy` → `cross-entropy`. */
export function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
