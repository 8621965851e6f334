import { assert, assertEquals } from "@std/assert";
import { Interrupted, stopOnSignals } from "../../lib/runs/interrupt.ts";

const library = new URL("../../lib/runs/interrupt.ts", import.meta.url).href;

/** Runs a program that says `ready`, sends it signals, each once it has said what it waits for, and resolves to how it ended. */
async function signalled(
  program: string,
  options: { readonly send: readonly Deno.Signal[]; readonly before?: readonly string[] },
) {
  const { send, before = [] } = options;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, `import { stopOnSignals } from "${library}";\n${program}`);
  const [command, ...args] = [...before, Deno.execPath(), "run", "--quiet", "-A", file];
  const child = new Deno.Command(command, { args, stdout: "piped", stderr: "inherit" }).spawn();
  const left = [...send];
  let out = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    out += text;
    if (text.includes("ready")) child.kill(left.shift()!);
  }
  const status = await child.status;
  await Deno.remove(file);
  return { out, ...status };
}

Deno.test("stopOnSignals() tells which signal it was, and one in another listens through it", async () => {
  const { out, code } = await signalled(
    `
    using outer = stopOnSignals();
    using inner = stopOnSignals(outer.signal);
    setTimeout(() => console.log("ready"), 100);
    await new Promise((resolve) => inner.signal.addEventListener("abort", resolve));
    console.log(outer.signal.reason === inner.signal.reason, inner.signal.reason.exitCode);`,
    { send: ["SIGHUP"] },
  );
  assertEquals([out, code], ["ready\ntrue 129\n", 0]);
});

Deno.test("stopOnSignals() with once lets the second signal end the process, although the program is busy", async () => {
  const { signal } = await signalled(
    `
    using stop = stopOnSignals(undefined, { once: true });
    using inner = stopOnSignals(stop.signal);
    setTimeout(() => console.log("ready"), 100);
    await new Promise((resolve) => inner.signal.addEventListener("abort", resolve));
    console.log("ready");
    for (const began = Date.now(); Date.now() - began < 20000;);`,
    { send: ["SIGINT", "SIGINT"] },
  );
  assertEquals(signal, "SIGINT");
});

Deno.test("stopOnSignals() does not hear the closed terminal of a program that is started with nohup", async () => {
  const { out, code } = await signalled(
    `
    using stop = stopOnSignals();
    setTimeout(() => console.log("ready"), 100);
    await new Promise((resolve) => setTimeout(resolve, 600));
    console.log(stop.signal.aborted);`,
    { send: ["SIGHUP"], before: ["nohup"] },
  );
  assertEquals([out, code], ["ready\nfalse\n", 0]);
});

Deno.test("stopOnSignals() passes on another's abort", () => {
  const controller = new AbortController();
  using stop = stopOnSignals(controller.signal);
  assert(!stop.signal.aborted);
  controller.abort();
  assert(stop.signal.reason instanceof Interrupted);
  assertEquals(stop.signal.reason.exitCode, 130);
});
