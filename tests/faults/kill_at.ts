/**
 * Loaded before a program, counts what it does to files, and ends it as `kill -9` does at the one that is asked for.
 *
 * `FAULTS_KILL_AT` is that operation's number, from 1; a write is half done by then. `FAULTS_COUNT` names a file that takes a
 * line for each instead. It protects who loses power or has a run killed: wherever that falls, no half file may be read as a whole one
 * afterwards, which is to be seen only by ending real operations on real files.
 *
 * @module
 */
const killAt = Number(Deno.env.get("FAULTS_KILL_AT") ?? 0);
const list = Deno.env.get("FAULTS_COUNT");
const { writeTextFileSync } = Deno;
let done = 0;

/** Whether this operation is the last. */
function isLast(name: string, subject: unknown): boolean {
  done++;
  if (list) writeTextFileSync(list, `${name} ${subject}\n`, { append: true });
  return done === killAt;
}

function end(): never {
  Deno.kill(Deno.pid, "SIGKILL");
  throw new Error("unreachable");
}

const deno = Deno as unknown as Record<string, (...args: unknown[]) => unknown>;
const changing = [
  "mkdir",
  "rename",
  "remove",
  "writeFile",
  "writeTextFile",
  "makeTempDir",
  "utime",
  "copyFile",
  "truncate",
];
for (const name of changing.flatMap((each) => [each, `${each}Sync`])) {
  const real = deno[name];
  deno[name] = (...args) => {
    if (isLast(name, args[0])) end();
    return real.apply(Deno, args);
  };
}

const { open } = Deno;
Deno.open = async (path, options) => {
  if ((options?.write || options?.append || options?.create) && isLast("open", path)) end();
  return await open(path, options);
};

const { write, syncData } = Deno.FsFile.prototype;
Deno.FsFile.prototype.write = async function (bytes) {
  if (isLast("write", bytes.length)) {
    await write.call(this, bytes.subarray(0, bytes.length >> 1));
    end();
  }
  return await write.call(this, bytes);
};
Deno.FsFile.prototype.syncData = async function () {
  if (isLast("syncData", "")) end();
  return await syncData.call(this);
};
