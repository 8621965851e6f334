/**
 * Times `onnxruntime-node` on an encoder on request, in a process without this project's dependencies, of which it is none.
 *
 * Usage: `deno run -A --no-config --no-lock onnxruntime_node.ts PACKAGE BATCH MODEL`, PACKAGE as in `npm:onnxruntime-node@1.30.0`. MODEL is as
 * `export_onnx.py` writes it. Reads one JSON object a line, `{"calls": N, "limit": S}`, and answers
 * `{"seconds": [...]}`, one for each call, of which none begins after S seconds.
 *
 * @module
 */
type Ort = {
  readonly env: { readonly versions: { readonly node?: string } };
  readonly InferenceSession: {
    create(
      path: string,
      options: object,
    ): Promise<{ run(feeds: object): Promise<{ tokens: { data: unknown } }> }>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
};

const [name, batchText, model] = Deno.args;
const batch = Number(batchText);
const { env, InferenceSession, Tensor } = await import(name) as Ort;
const session = await InferenceSession.create(model, { intraOpNumThreads: navigator.hardwareConcurrency });
const values = Float32Array.from({ length: batch * 3 * 224 * 224 }, (_, i) => Math.sin(i));
const pixels = new Tensor("float32", values, [batch, 3, 224, 224]);
const encode = async () => (await session.run({ pixels })).tokens.data;
await encode();
console.log(JSON.stringify({ "onnxruntime-node": env.versions.node ?? "" }));

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    const seconds: number[] = [];
    const { calls, limit } = JSON.parse(line);
    for (let spent = 0; seconds.length < calls && spent < limit; spent += seconds.at(-1)!) {
      const began = performance.now();
      await encode();
      seconds.push((performance.now() - began) / 1000);
    }
    console.log(JSON.stringify({ seconds }));
  }
}
