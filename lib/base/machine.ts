/**
 * Which of the machines that share a disk this is.
 *
 * @module
 */
import { hostname } from "node:os";
import { sha256 } from "./checksum.ts";

/** Where the name stands for those who may read files but ask the system nothing. */
const NAME_FILE = "/etc/hostname";

/** This machine's name; undefined where it cannot be told. */
export function machineName(): string | undefined {
  try {
    // Permission is asked for only where it was given: a question would stop the run.
    if (granted({ name: "sys", kind: "hostname" })) return hostname() || undefined;
    if (granted({ name: "read", path: NAME_FILE })) {
      return Deno.readTextFileSync(NAME_FILE).trim() || undefined;
    }
  } catch {
    // Not every system has the file.
  }
  return undefined;
}

let mark: string | undefined;

/** Six hexadecimal digits of the machine's name; undefined where that cannot be told. */
export function machineMark(): string | undefined {
  const name = mark === undefined ? machineName() : undefined;
  return mark ??= name === undefined ? undefined : sha256(name, { digits: 6 });
}

function granted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
