import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { clipWeights, download } from "../../lib/weights/download.ts";

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 24);
const sha256 = createHash("sha256").update(content).digest("hex");

/** Runs `use` with a folder and a real server on loopback that answers with `handler`. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: string, folder: string, ranges: (string | null)[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const ranges: (string | null)[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    ranges.push(request.headers.get("range"));
    return handler(request);
  });
  try {
    await use(`http://127.0.0.1:${server.addr.port}/file.pt`, folder, ranges);
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

function whole(): Response {
  return new Response(content, { headers: { "content-length": `${content.length}` } });
}

/** Serves ranges as a file server does. */
function ranged(request: Request): Response {
  const start = Number(request.headers.get("range")?.match(/^bytes=(\d+)-$/)?.[1] ?? NaN);
  if (Number.isNaN(start)) return whole();
  const total = content.length;
  if (start >= total) {
    return new Response(null, { status: 416, headers: { "content-range": `bytes */${total}` } });
  }
  return new Response(content.subarray(start), {
    status: 206,
    headers: { "content-range": `bytes ${start}-${total - 1}/${total}` },
  });
}

/**
 * Runs `use` with a server that sends `count` bytes of a range and hangs up, the first `deaths` times that it is asked.
 */
async function withDyingServer(
  options: { count: number; deaths: number },
  use: (url: string, folder: string, starts: number[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const starts: number[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      const buffer = new Uint8Array(4096);
      const request = new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
      const start = Number(request.match(/range: bytes=(\d+)-/i)?.[1] ?? 0);
      starts.push(start);
      const total = content.length;
      const head = (start > 0 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n") +
        (start > 0 ? `content-range: bytes ${start}-${total - 1}/${total}\r\n` : "") +
        `content-length: ${total - start}\r\nconnection: close\r\n\r\n`;
      const end = starts.length <= options.deaths ? start + options.count : total;
      const answer = new Blob([head, content.subarray(start, end)]);
      await answer.stream().pipeTo(connection.writable); // which closes the connection
    }
  })();
  try {
    await use(`http://127.0.0.1:${listener.addr.port}/file.pt`, folder, starts);
  } finally {
    listener.close();
    await serving;
    await Deno.remove(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("download() fetches, checks and reports progress up to the total", async () => {
  await withServer(ranged, async (url, folder, ranges) => {
    const path = `${folder}/a.pt`;
    const progress: [number, number | undefined][] = [];
    await download(url, { path, sha256, onProgress: (bytes, total) => progress.push([bytes, total]) });
    assertEquals(await Deno.readFile(path), content);
    assertEquals(progress[0], [0, content.length]);
    assertEquals(progress.at(-1), [content.length, content.length]);
    assert(progress.every(([bytes], i) => i === 0 || bytes > progress[i - 1][0]));
    await download(url, { path, sha256 });
    assertEquals(ranges.length, 1, "the second call found the file in place");
    assertEquals(names(folder), ["a.pt"]);
  });
});

Deno.test("download() goes on from the part that is there", async () => {
  await withServer(ranged, async (url, folder, ranges) => {
    await Deno.writeFile(`${folder}/a.pt.part`, content.subarray(0, 123_456));
    const progress: number[] = [];
    await download(url, { path: `${folder}/a.pt`, sha256, onProgress: (bytes) => progress.push(bytes) });
    assertEquals(ranges, ["bytes=123456-"]);
    assertEquals(progress[0], 123_456);
    assertEquals(await Deno.readFile(`${folder}/a.pt`), content);
  });
});

Deno.test("download() takes a part that is whole, and starts over from one that is longer or wrong", async () => {
  await withServer(ranged, async (url, folder, ranges) => {
    await Deno.writeFile(`${folder}/a.pt.part`, content);
    await download(url, { path: `${folder}/a.pt`, sha256 });
    assertEquals(ranges.splice(0), ["bytes=300000-"]);

    await Deno.writeFile(`${folder}/b.pt.part`, new Uint8Array(400_000));
    await download(url, { path: `${folder}/b.pt`, sha256 });
    assertEquals(ranges.splice(0), ["bytes=400000-", null]);

    await Deno.writeFile(`${folder}/c.pt.part`, new Uint8Array(100));
    await download(url, { path: `${folder}/c.pt`, sha256 });
    assertEquals(ranges, ["bytes=100-", null]);
    for (const name of ["a.pt", "b.pt", "c.pt"]) {
      assertEquals(await Deno.readFile(`${folder}/${name}`), content);
    }
    assertEquals(names(folder), ["a.pt", "b.pt", "c.pt"]);
  });
});

Deno.test("download() starts over when the server ignores the range", async () => {
  await withServer(whole, async (url, folder) => {
    await Deno.writeFile(`${folder}/a.pt.part`, new Uint8Array(350_000));
    await download(url, { path: `${folder}/a.pt`, sha256 });
    assertEquals(await Deno.readFile(`${folder}/a.pt`), content);
  });
});

Deno.test("download() goes on by itself when the server dies midway", async () => {
  await withDyingServer({ count: 90_000, deaths: 2 }, async (url, folder, starts) => {
    await download(url, { path: `${folder}/a.pt`, sha256 });
    assertEquals(starts, [0, 90_000, 180_000]);
    assertEquals(await Deno.readFile(`${folder}/a.pt`), content);
  });
});

Deno.test("download() keeps what has arrived, and nothing in place, when the server dies every time", async () => {
  await withDyingServer({ count: 50_000, deaths: Infinity }, async (url, folder) => {
    await assertRejects(() => download(url, { path: `${folder}/a.pt`, sha256 }), Error);
    assertEquals(names(folder), ["a.pt.part"]);
    assertEquals(await Deno.readFile(`${folder}/a.pt.part`), content.subarray(0, 150_000));
  });
});

Deno.test("download() refuses a file with another checksum and leaves nothing of it", async () => {
  await withServer(() => new Response("not the weights"), async (url, folder) => {
    await Deno.writeTextFile(`${folder}/a.pt`, "old and wrong");
    const { message } = await assertRejects(() => download(url, { path: `${folder}/a.pt`, sha256 }), Error);
    const found = createHash("sha256").update("not the weights").digest("hex");
    assertEquals(message, `found a file with SHA-256 ${found}`);
    assertEquals(names(folder), ["a.pt"]);
    assertEquals(await Deno.readTextFile(`${folder}/a.pt`), "old and wrong");
  });
});

Deno.test("download() names the status of a refusal and asks once", async () => {
  await withServer(() => new Response("gone", { status: 404 }), async (url, folder, ranges) => {
    const { message } = await assertRejects(() => download(url, { path: `${folder}/a.pt`, sha256 }), Error);
    assertMatch(message, /^found HTTP 404/);
    assertEquals(ranges.length, 1);
    assertEquals(names(folder), []);
  });
});

Deno.test("download() stops a server that sends without end, or says that it will send too much, and keeps nothing", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) }),
    );
  for (const handler of [endless, whole]) {
    await withServer(handler, async (url, folder, ranges) => {
      const options = { path: `${folder}/a.pt`, sha256, limit: 200_000 };
      const { message } = await assertRejects(() => download(url, options), Error);
      assertMatch(message, /^found a file of \d+ bytes or more where at most 200000 are known$/);
      assertEquals(ranges.length, 1);
      assertEquals(names(folder), []);
    });
  }
});

Deno.test("download() gives up on a server that says nothing", async () => {
  let answer = () => {};
  const silent = new Promise<Response>((resolve) => answer = () => resolve(new Response("late")));
  await withServer(() => silent.then((response) => response.clone()), async (url, folder) => {
    const { message } = await assertRejects(
      () => download(url, { path: `${folder}/a.pt`, sha256, timeout: 50 }),
      Error,
    );
    answer();
    assertEquals(message, "found no answer for 0.05 seconds");
    assertEquals(names(folder), []);
  });
});

Deno.test("download() called twice at once fetches once", async () => {
  await withServer(ranged, async (url, folder, ranges) => {
    const options = { path: `${folder}/a.pt`, sha256 };
    await Promise.all([download(url, options), download(url, options)]);
    assertEquals(ranges.length, 1);
    assertEquals(await Deno.readFile(`${folder}/a.pt`), content);
    assertEquals(names(folder), ["a.pt"]);
  });
});

Deno.test("clipWeights() out of reach says which file to fetch, from where, its checksum and where to put it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close(); // so that nothing listens there
    const checksum = "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f";
    const { message } = await assertRejects(
      () =>
        clipWeights({
          model: "ViT-B/16",
          cacheDir: `${folder}/clip`,
          baseUrl: `http://127.0.0.1:${port}/models`,
        }),
      Error,
    );
    assertStringIncludes(
      message,
      `Cannot download ViT-B-16.pt: expected it at http://127.0.0.1:${port}/models/${checksum}/ViT-B-16.pt but found `,
    );
    assertStringIncludes(message, `(SHA-256 ${checksum}) and put it at ${folder}/clip/ViT-B-16.pt, or`);
    assertStringIncludes(message, "--clip-weights FILE");
    assert(!message.includes("\n"), message);
    assertEquals(names(`${folder}/clip`), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("clipWeights() takes the user's file as it is, and refuses unknown models and missing files", async () => {
  const file = new URL("../fixtures/clip_tiny.safetensors", import.meta.url).pathname;
  assertEquals(await clipWeights({ model: "ViT-B-16", path: file }), file);
  const missing = await assertRejects(() => clipWeights({ model: "ViT-B-16", path: "none.pt" }), Error);
  assertEquals(missing.message, "Cannot load CLIP's weights none.pt: expected a file but found none");
  const unknown = await assertRejects(() => clipWeights({ model: "RN50" }), Error);
  assertMatch(unknown.message, /expected one of ViT-B-16, ViT-B-32, ViT-L-14, ViT-L-14-336 but found RN50$/);
});
