/**
 * Files of weights: read in place, written all or not at all.
 *
 * @module
 */

/**
 * Reads `length` bytes from `position` on into a buffer of their own.
 *
 * @throws When the file ends before that.
 */
export async function readAt(file: Deno.FsFile, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.seek(position, Deno.SeekMode.Start);
  for (let filled = 0; filled < length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) {
      throw new Error(`expected ${length} bytes at offset ${position} but found only ${filled}`);
    }
    filled += count;
  }
  return bytes;
}

/** Writes all of `bytes`. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

/**
 * Writes a file that is there whole or not at all: a temporary one beside it, flushed to the disk, then renamed.
 *
 * @param write Fills the open file; it need not close it.
 * @throws `Cannot save …`, leaving what was at `path` as it was.
 */
export async function writeAtomically(
  path: string,
  write: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    {
      using file = await Deno.open(temporary, { write: true, createNew: true });
      await write(file);
      await file.syncData();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // it may never have been there
    throw new Error(`Cannot save ${path}: ${(error as Error).message}`, { cause: error });
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Bytes as UTF-8 text.
 *
 * @throws When they are not.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Error("expected text in UTF-8 but found other bytes");
  }
}
