/**
 * Small disks in memory.
 *
 * @module
 */

/** Mounts a disk on a folder, or gives the one that is there another size. @throws {Error} with what is said against it */
export async function mount(
  folder: string,
  options: { readonly kibibytes: number; readonly again?: boolean },
): Promise<void> {
  const { kibibytes, again = false } = options;
  const how = `${again ? "remount," : ""}size=${kibibytes}k`;
  const { success, stderr } = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", how, "forgelens-cluster", folder],
  }).output();
  if (!success) throw new Error(`Cannot mount a small disk: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Takes away all disks below a folder. */
export async function unmountBelow(root: string): Promise<void> {
  const mounts = (await Deno.readTextFile("/proc/mounts")).split("\n").map((line) => line.split(" ")[1]);
  for (const folder of mounts.filter((each) => each?.startsWith(`${root}/`))) {
    await new Deno.Command("umount", { args: ["--lazy", folder] }).output();
  }
}
