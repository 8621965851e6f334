/**
 * The most memory that this process held.
 *
 * @module
 */

/** In megabytes (`VmHWM`); undefined where the system does not say it, as none but Linux does. */
export async function peakMemory(): Promise<number | undefined> {
  // Deno reads /proc for none but those who are allowed everything; another program may.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${Deno.pid}/status`] }).output()
    .catch(() => ({ stdout: new Uint8Array() }));
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(new TextDecoder().decode(stdout))?.[1];
  return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) * 1024 / 1e6);
}
