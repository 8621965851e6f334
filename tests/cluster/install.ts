/**
 * Whether Slurm's programs are here, and installing them from Debian's packages.
 *
 * @module
 */

const programs = ["munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel", "sinfo"];

/** Where programs are looked for: Debian keeps those that serve in folders that not every shell names. */
export const programPath = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`;

/** Installs what is missing where that is allowed; resolves to why there is no Slurm on this machine, undefined when there is one. */
export async function installSlurm(
  log: (line: string) => void,
  { isAllowed }: { readonly isAllowed: boolean },
): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "Slurm's nodes need Linux";
  if (Deno.uid() !== 0) return "only root can start nodes and mount a small disk";
  if (isAllowed && (await missing()).length > 0) {
    log("Installing slurm-wlm and munge with apt-get, about 60 MB");
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const install = ["install", "--yes", "--no-install-recommends", "slurm-wlm", "munge"];
    // Lists of packages that are there may do, and the network may allow nothing but the packages.
    for (const args of [install, ["update"], install]) {
      const { success, said } = await run("apt-get", args, env);
      if (success && args === install) break;
      if (!success && args === install) log(said.trim().split("\n").at(-1) ?? "");
    }
  }
  const names = await missing();
  return names.length === 0
    ? undefined
    : `no ${names.join(", ")} here; install slurm-wlm and munge as Debian has them`;
}

async function missing(): Promise<string[]> {
  const found = await Promise.all(
    programs.map(async (name) => (await run("sh", ["-c", `command -v ${name}`])).success),
  );
  return programs.filter((_, i) => !found[i]);
}

async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ success: boolean; said: string }> {
  try {
    const { success, stderr } = await new Deno.Command(program, {
      args: [...args],
      env: { PATH: programPath, ...env },
      stdout: "null",
    }).output();
    return { success, said: new TextDecoder().decode(stderr) };
  } catch (error) {
    return { success: false, said: `${error}` };
  }
}
