/**
 * Processes by what is in their environment, which what they start inherits.
 *
 * @module
 */

/** A process, and its environment as it was when it began. */
export type Process = { readonly pid: number; readonly env: Readonly<Record<string, string>> };

/** The processes whose environment has all of these variables. */
export async function processesWith(variables: Readonly<Record<string, string>>): Promise<Process[]> {
  const found: Process[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    const text = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => ""); // it may have ended
    const env = Object.fromEntries(
      text.split("\0").map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    );
    if (Object.entries(variables).every(([key, value]) => env[key] === value)) found.push({ pid, env });
  }
  return found;
}

/** Ends processes at once, in this order, and waits until they are gone. */
export async function endAll(processes: readonly Process[]): Promise<void> {
  for (const { pid } of processes) send(pid, "SIGKILL");
  for (const { pid } of processes) {
    for (let left = 100; left > 0 && await isAlive(pid); left--) await pause(20);
  }
}

/** Sends a signal; a process that has ended takes none. */
export function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether a process is there that still does something. */
export async function isAlive(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

/** Which process started this one; 0 where it has ended. */
export async function parentOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}

/** Whether a process is there, and SIGSTOP holds it. */
export async function isStopped(pid: number): Promise<boolean> {
  return /^State:\s+T/m.test(await Deno.readTextFile(`/proc/${pid}/status`).catch(() => ""));
}

/** Whether a signal waits for a process, such as one that is stopped. */
export async function isSent(pid: number, number: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const masks = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)/gm)];
  return masks.some(([, mask]) => (BigInt(`0x${mask}`) >> BigInt(number - 1) & 1n) === 1n);
}

/** Waits so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
