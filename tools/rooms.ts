/**
 * The guard of the house: `deno run -P=rooms tools/rooms.ts` says each circle of imports in `lib`, each import from a later room,
 * and each of a file outside `lib`, and exits with 1 where there is one. Imports of types count like others.
 *
 * @module
 */
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The rooms of `lib` in order: a file imports only from its own room and from rooms before it. */
export const rooms: readonly string[] = [
  "base",
  "weights",
  "backend",
  "images",
  "metrics",
  "data",
  "model",
  "faces",
  "videos",
  "training",
  "report",
  "runs",
  "serve",
  "commands",
  "notebook",
  "cli.ts",
  "mod.ts",
];

/** What each file imports, both as paths from the project's root with `/`. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** The part of `deno info --json` that is read here. */
type Graph = {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
};

/**
 * The imports of every TypeScript file in `lib`: of code, of types, and those that wait until they are needed. Packages are left out.
 *
 * @param root the project's folder
 * @throws where Deno cannot read the files
 */
export async function readImports(root: string): Promise<Imports> {
  const files = await sourcesIn(join(root, "lib"));
  const folder = await Deno.makeTempDir();
  try {
    const entry = join(folder, "all.ts"); // one module that reaches every file
    await Deno.writeTextFile(entry, files.map((file) => `import "${pathToFileURL(file)}";\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", join(root, "deno.json"), entry],
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`Cannot read the imports of lib: ${new TextDecoder().decode(stderr)}`);
    const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
    const place = (url: string) => relative(root, fileURLToPath(url)).replaceAll("\\", "/");
    const imports = new Map<string, string[]>();
    for (const { specifier, error, dependencies = [] } of modules) {
      if (error !== undefined) throw new Error(`Cannot read the imports of lib: ${error}`);
      if (!specifier.startsWith("file:") || !place(specifier).startsWith("lib/")) continue;
      const found = dependencies.flatMap(({ code, type }) => [code?.specifier, type?.specifier])
        .filter((url) => url?.startsWith("file:")).map((url) => place(url!));
      imports.set(place(specifier), [...new Set(found)].sort());
    }
    return new Map([...imports].sort(([a], [b]) => a < b ? -1 : 1));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function sourcesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const found = await Promise.all(entries.map(({ name, isDirectory }) => {
    if (isDirectory) return sourcesIn(join(folder, name));
    return name.endsWith(".ts") ? [join(folder, name)] : [];
  }));
  return found.flat();
}

/**
 * What is wrong with imports, a line each: circles (one for files that all reach each other), imports from a later room, files in
 * no room, imports of files outside `lib`. None where all go one way.
 *
 * @param order the rooms, first those that import least
 */
export function importFaults(imports: Imports, order: readonly string[] = rooms): string[] {
  const faults: string[] = [];
  const unknown = new Set<string>();
  for (const [file, found] of imports) {
    const own = order.indexOf(roomOf(file));
    if (own < 0) unknown.add(roomOf(file));
    for (const other of found) {
      if (!other.startsWith("lib/")) {
        faults.push(
          `Cannot import ${other} from ${file}: expected a file of lib or a package but found one outside`,
        );
      } else if (own >= 0 && order.indexOf(roomOf(other)) > own) {
        faults.push(
          `Cannot import ${other} from ${file}: expected a file of ${
            order[own]
          } or of a room before it but found one of ${roomOf(other)}`,
        );
      }
    }
  }
  for (const room of unknown) {
    faults.push(
      `Cannot place lib/${room}: expected one of ${
        order.join(", ")
      } but found another; tools/rooms.ts lists the rooms in order`,
    );
  }
  return [...faults, ...circlesIn(imports).map(circleFault)];
}

/** `lib/data/audit/leaks.ts` → `data`, `lib/mod.ts` → `mod.ts`. */
function roomOf(file: string): string {
  return file.split("/")[1];
}

function circleFault(circle: readonly string[]): string {
  return `Cannot order ${
    [...circle, circle[0]].join(" → ")
  }: expected imports that go one way but found a circle`;
}

/** The shortest circle through the first of each set of files that all reach each other. */
function circlesIn(imports: Imports): string[][] {
  const circles: string[][] = [];
  const reach = new Map([...imports.keys()].map((file) => [file, reachedFrom(file, imports)]));
  const seen = new Set<string>();
  for (const [file, back] of reach) {
    if (seen.has(file) || !back.has(file)) continue;
    for (const other of back.keys()) if (reach.get(other)?.has(file)) seen.add(other);
    const circle = [file];
    for (let step = back.get(file)!; step !== file; step = back.get(step)!) circle.splice(1, 0, step);
    circles.push(circle);
  }
  return circles;
}

/** The files that `file` imports, and these in turn, each with the one that it was first reached from. */
function reachedFrom(file: string, imports: Imports): Map<string, string> {
  const reached = new Map<string, string>();
  const waiting = [file];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    for (const other of imports.get(next) ?? []) {
      if (reached.has(other)) continue;
      reached.set(other, next);
      waiting.push(other);
    }
  }
  return reached;
}

/** Prints what is wrong with the imports of this project; resolves to the exit code. */
async function main(): Promise<number> {
  try {
    const imports = await readImports(fileURLToPath(new URL("..", import.meta.url)));
    const faults = importFaults(imports);
    for (const fault of faults) console.error(fault);
    if (faults.length === 0) console.log(`${imports.size} files of lib import one way`);
    return faults.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
