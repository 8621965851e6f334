import { assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);

Deno.test("every file and folder of the project that README.md and docs name is there", async () => {
  const docs = (await Array.fromAsync(Deno.readDir(new URL("docs", root)))).map(({ name }) => `docs/${name}`);
  const lost: string[] = [];
  for (const file of ["README.md", "SECURITY.md", ...docs]) {
    const text = await Deno.readTextFile(new URL(file, root));
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, path]) =>
      new URL(path, new URL(file, root))
    );
    // Not those with <name> in them, which are to be written.
    const named = [
      ...text.matchAll(
        /(?:^|[`\s])((?:lib|tests|tools|notebooks|assets|docs)\/[\w./-]*)(?=[`\s:,;]|\.\s|$)/gm,
      ),
    ]
      .map(([, path]) => new URL(path, root));
    for (const url of [...links, ...named]) {
      if (!await Deno.stat(url).then(() => true, () => false)) {
        lost.push(`${file}: ${url.href.slice(root.href.length)}`);
      }
    }
  }
  assertEquals(lost, []);
});
