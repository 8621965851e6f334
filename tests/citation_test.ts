import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);

Deno.test("CITATION.cff names the version, the licence and the papers that the code and deno.json name", async () => {
  const citation = await Deno.readTextFile(new URL("CITATION.cff", root));
  const { version, license } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const said = Object.fromEntries(
    [...citation.matchAll(/^(\w+): (.+)$/gm)].map(([, key, value]) => [key, value]),
  );
  assertEquals([said.version, said.license], [version, license]);
  const readme = await Deno.readTextFile(new URL("README.md", root));
  for (const [, paper] of readme.matchAll(/arXiv (\d{4}\.\d{5})/g)) {
    assert(citation.includes(`arXiv:${paper}`), `CITATION.cff lacks arXiv ${paper}, which README.md names`);
  }
});
