/**
 * How the tools read the values of their flags.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";

/**
 * A whole number of at least 1.
 *
 * @throws {InvalidArgumentError} for another text
 */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError(`expected a whole number of at least 1 but found ${text}`);
  }
  return value;
}
