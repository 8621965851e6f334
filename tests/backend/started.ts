/**
 * A program that start_test.ts runs with few permissions: what initBackend() started, or its error's message, as JSON.
 *
 * @module
 */
import type { BackendName } from "../../lib/backend/backends/mod.ts";
import { initBackend } from "../../lib/backend/start.ts";

const backend = Deno.args[0] as BackendName | "auto";
const found = await initBackend({ backend }).catch((error: Error) => error.message);
console.log(JSON.stringify(found));
