/**
 * The part of `@std/assert` that the tests use, over `node:assert/strict`, under the same names.
 *
 * JSR is out of reach on some machines; where it is not, map `@std/assert` to `jsr:@std/assert@1` in deno.json
 * and nothing else changes.
 *
 * @module
 */
import nodeAssert from "node:assert/strict";

export { AssertionError } from "node:assert";

/** Throws unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new nodeAssert.AssertionError({ message: msg || "Expected a truthy value", actual: expr });
}

/** Throws unless `actual` and `expected` are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, msg!);
}

/** Throws when `actual` and `expected` are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, msg!);
}

/** Throws unless `actual` and `expected` are the same value (`Object.is`). */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, msg!);
}

/** Throws when `actual` is null or undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === null || actual === undefined) {
    throw new nodeAssert.AssertionError({ message: msg ?? `Expected a value but found ${actual}`, actual });
  }
}

/** Throws unless `|actual - expected| <= tolerance` (default 1e-7, relative to `expected`). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  throw new nodeAssert.AssertionError({
    message: msg ?? `Expected ${actual} to be within ${allowed} of ${expected}, but it is ${delta} away`,
    actual,
    expected,
  });
}

/** Throws unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    throw new nodeAssert.AssertionError({
      message: msg ?? `Expected the text to include ${JSON.stringify(expected)} but found:\n${actual}`,
      actual,
      expected,
    });
  }
}

/** Throws unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  nodeAssert.match(actual, expected, msg!);
}

/** Throws unless `actual` is greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) {
    throw new nodeAssert.AssertionError({
      message: msg ?? `Expected ${actual} > ${expected}`,
      actual,
      expected,
    });
  }
}

/** Throws unless `actual` is less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) {
    throw new nodeAssert.AssertionError({
      message: msg ?? `Expected ${actual} < ${expected}`,
      actual,
      expected,
    });
  }
}

/** Throws unless `fn` throws an `ErrorClass` whose message includes `msgIncludes`; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass?: new (...args: any[]) => E,
  msgIncludes = "",
): E {
  let thrown: unknown;
  let threw = false;
  try {
    fn();
  } catch (error) {
    thrown = error;
    threw = true;
  }
  return checkThrown(threw, thrown, ErrorClass, msgIncludes);
}

/** Rejects unless `fn` rejects with an `ErrorClass` whose message includes `msgIncludes`; resolves to the error. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  ErrorClass?: new (...args: any[]) => E,
  msgIncludes = "",
): Promise<E> {
  let thrown: unknown;
  let threw = false;
  try {
    await fn();
  } catch (error) {
    thrown = error;
    threw = true;
  }
  return checkThrown(threw, thrown, ErrorClass, msgIncludes);
}

function checkThrown<E extends Error>(
  threw: boolean,
  thrown: unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass: (new (...args: any[]) => E) | undefined,
  msgIncludes: string,
): E {
  if (!threw) throw new nodeAssert.AssertionError({ message: "Expected an error but none was thrown" });
  if (!(thrown instanceof Error)) {
    throw new nodeAssert.AssertionError({ message: `Expected an Error but found ${thrown}`, actual: thrown });
  }
  if (ErrorClass && !(thrown instanceof ErrorClass)) {
    throw new nodeAssert.AssertionError({
      message: `Expected ${ErrorClass.name} but found ${thrown.name}: ${thrown.message}`,
      actual: thrown,
    });
  }
  assertStringIncludes(thrown.message, msgIncludes);
  return thrown as E;
}
