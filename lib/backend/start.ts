/**
 * Starts the tensor backend, the first of `backends` that can be had, behind the one `@tensorflow/tfjs` that all model code
 * imports.
 *
 * @module
 */
import type { BackendKind, StartedBackend } from "./backends/backend.ts";
import { type BackendName, backendNames, backends } from "./backends/mod.ts";

/** What {@linkcode initBackend} started. */
export type Backend = StartedBackend & {
  /** Which of the backends it is. */
  name: BackendName;
};

const or = new Intl.ListFormat("en-GB", { type: "disjunction" });

let started: { wanted: BackendName | "auto"; backend: Promise<Backend> } | undefined;

/**
 * Starts the tensor backend. Called once, before anything that makes a tensor; later calls return the same.
 *
 * @param options.backend `auto`, unless given: TensorFlow, set up on the way if need be, else WebAssembly with a `note` that
 * says why; `tensorflow` or `wasm`: that one or an error
 * @param options.log takes the progress of a first set-up, a line at a time; standard error unless given
 * @throws {Error} when the forced backend cannot be used, or another one is in use already
 *
 * @example
 * ```ts
 * import { initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const { name } = await initBackend({ backend: "wasm" }); // by default TensorFlow, where it can be set up
 * assertEquals(name, "wasm");
 * ```
 */
export async function initBackend(
  { backend: wanted = "auto", log = console.error }: {
    backend?: BackendName | "auto";
    log?: (line: string) => void;
  } = {},
): Promise<Backend> {
  const known = ["auto", ...backendNames];
  if (!known.includes(wanted)) {
    throw new Error(`Cannot use the backend: expected ${or.format(known)} but found ${wanted}`);
  }
  started ??= { wanted, backend: start(wanted, log) };
  let running: Backend;
  try {
    running = await started.backend;
  } catch (error) {
    started = undefined;
    throw error;
  }
  if (wanted !== "auto" && wanted !== running.name) {
    throw new Error(
      `Cannot use the ${wanted} backend: ${running.name} is in use already; start a new process (or restart the kernel)`,
    );
  }
  return running;
}

async function start(wanted: BackendName | "auto", log: (line: string) => void): Promise<Backend> {
  const tried = wanted === "auto" ? backendNames : [wanted];
  const reasons: string[] = [];
  for (const name of tried) {
    const { title, drawback, ...kind }: BackendKind = backends[name];
    const found = await kind.start({ log });
    if (typeof found === "string") reasons.push(found);
    else if (reasons.length === 0) return { name, ...found };
    else {
      const why = found.note === undefined ? reasons : [...reasons, found.note];
      return {
        name,
        ...found,
        note: `Using ${drawback ? `${title}, ${drawback}` : title}: ${why.join("; ")}`,
      };
    }
  }
  throw new Error(`Cannot use the ${tried.at(-1)} backend: ${reasons.at(-1)}`);
}
