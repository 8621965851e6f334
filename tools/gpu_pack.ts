/**
 * Packs what `gpu_check.ts` needs, for a machine with a GPU and no network: `deno run -A tools/gpu_pack.ts FOLDER`.
 *
 * The folder holds `start.sh`, Deno, and parts of an archive with node_modules, TensorFlow's CUDA build and what PyTorch's peer imports
 * beside PyTorch. PyTorch itself does not travel (gigabytes), nor do CUDA's libraries unless asked for: those of the machine serve.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";
import { Command } from "commander";
import { setup } from "../lib/backend/setup.ts";
import { makeTemporaryFolder } from "../lib/base/temporary.ts";
import { count } from "./flags.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FATBIN_MAGIC = 0xba55ed50, FATBIN_HEADER = 16;
/** The kind of an entry that is machine code; the other kind, PTX, is compiled on first use. */
const MACHINE_CODE = 2;
/** What PyTorch's side imports that is not likely to be there; simplejpeg for the images. */
const PYTHON_PACKAGES = ["open_clip_torch==3.3.0", "ftfy==6.3.1", "wcwidth", "timm", "simplejpeg==1.9.0"];

/**
 * Overwrites by zeros, in a library's fat binaries, the code for GPUs of other compute capabilities, where there is machine code for this
 * one; resolves the number of bytes blanked. The library keeps its size, and compresses to less; it then serves this kind of GPU alone.
 *
 * @param library a file's bytes, which are changed
 * @param capability ten times the number, 90 for 9.0
 */
export function blankOtherGpus(library: Uint8Array, capability: number): number {
  const view = new DataView(library.buffer, library.byteOffset, library.byteLength);
  let blanked = 0;
  for (let at = 0; at + FATBIN_HEADER <= library.length; at += 8) {
    if (view.getUint32(at, true) !== FATBIN_MAGIC || view.getUint16(at + 4, true) !== 1) continue;
    const end = at + FATBIN_HEADER + Number(view.getBigUint64(at + 8, true));
    if (view.getUint16(at + 6, true) !== FATBIN_HEADER || end > library.length) continue;
    const entries: { kind: number; gpu: number; from: number; to: number }[] = [];
    for (let entry = at + FATBIN_HEADER; entry + 32 <= end;) {
      const from = entry + view.getUint32(entry + 4, true);
      const to = from + Number(view.getBigUint64(entry + 8, true));
      entries.push({ kind: view.getUint16(entry, true), gpu: view.getUint32(entry + 28, true), from, to });
      entry = to;
    }
    const serves = ({ kind, gpu }: typeof entries[number]) => kind === MACHINE_CODE && gpu === capability;
    if (!entries.some(serves)) continue;
    for (const { from, to } of entries.filter((entry) => !serves(entry))) {
      library.fill(0, from, to);
      blanked += to - from;
    }
  }
  return blanked;
}

const START = `#!/bin/sh
# Unpacks what is in this folder, once, and checks the GPU: sh start.sh CHECKOUT [flags of gpu-check]
# PARTS names the folder of the parts where they came one after another; this folder unless given.
set -eu
pack=$(cd "$(dirname "$0")" && pwd)
home=\${GPU_CHECK_HOME:-/tmp/forgelens-gpu-check}
cd "$1"
shift
if [ ! -e "$home/ready" ]; then
  mkdir -p "$home"
  gzip -dc "$pack/deno.gz" > "$home/deno"
  chmod +x "$home/deno"
  cat "\${PARTS:-$pack}"/part-* | "$home/deno" run --allow-all --no-config "$pack/unpack.js" | tar -x -C "$home"
  touch "$home/ready"
fi
[ -e node_modules ] || cp -r "$home/node_modules" .
tensorflow=$(ls -d "$home"/cache/forgelens-bench/tensorflow-*-cuda-*)
export LD_LIBRARY_PATH="$tensorflow/tensorflow:\${LD_LIBRARY_PATH:-}"
if [ ! -e "$tensorflow/nvidia" ]; then # the machine's own CUDA, of another version under the names that TensorFlow asks for
  mkdir -p "$home/cuda"
  own=$(python3 -c 'import nvidia; print(*nvidia.__path__)' || true)
  for name in cudart.so.12 cublas.so.12 cublasLt.so.12 cufft.so.11 cusolver.so.11 cusparse.so.12 cudnn.so.9 nccl.so.2 cupti.so.12 \\
    nvJitLink.so.12 nvrtc.so.12 curand.so.10; do
    found=$(find -L $own /usr/local/cuda/lib64 /usr/lib/x86_64-linux-gnu -name "lib\${name%%.so*}.so.[0-9]*" 2>/dev/null | head -n 1)
    if [ -z "$found" ]; then
      echo "lib$name: not found on this machine" >&2
      continue
    fi
    ln -sf "$found" "$home/cuda/lib$name"
    LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$(dirname "$found")"
  done
  LD_LIBRARY_PATH="$home/cuda:$LD_LIBRARY_PATH"
fi
export XDG_CACHE_HOME="$home/cache" DENO_DIR="$home/deno-cache" PYTHONPATH="$home/python:\${PYTHONPATH:-}"
export PATH="$home:$PATH"
exec "$home/deno" run -q -P=gpu-check tools/gpu_check.ts "$@"
`;

const UNPACK = `import process from "node:process";
import { pipeline } from "node:stream/promises";
import zlib from "node:zlib";
await pipeline(process.stdin, zlib.createZstdDecompress(), process.stdout);
`;

async function must([program, ...args]: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (success) return;
  const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new Error(
    `Cannot pack: expected ${program} ${args.slice(0, 2).join(" ")} to succeed but found: ${reason}`,
  );
}

/** Writes the stream in files of at most `size` bytes, `part-00` and so on; resolves to how many. */
async function writeParts(stream: AsyncIterable<Uint8Array>, folder: string, size: number): Promise<number> {
  let part: Deno.FsFile | undefined, count = 0, left = 0;
  for await (let bytes of stream) {
    while (bytes.length > 0) {
      if (left === 0) {
        part?.close();
        part = await Deno.create(join(folder, `part-${`${count++}`.padStart(2, "0")}`));
        left = size;
      }
      const written = await part!.write(bytes.subarray(0, left));
      left -= written;
      bytes = bytes.subarray(written);
    }
  }
  part?.close();
  return count;
}

type Flags = {
  readonly part: number;
  readonly level: number;
  readonly capability?: number;
  readonly cudaLibraries: boolean;
  readonly python: string;
};

async function pack(folder: string, flags: Flags): Promise<void> {
  const log = (line: string) => console.error(line);
  const made = await setup({ variant: "cuda", log });
  if (!made.ok) {
    throw new Error(
      `Cannot pack: expected TensorFlow's CUDA build but found: ${made.reason}; ${made.advice}`,
    );
  }
  const work = makeTemporaryFolder({ prefix: "forgelens-gpu-pack-" });
  try {
    await Deno.mkdir(folder, { recursive: true });
    for await (const { name } of Deno.readDir(folder)) {
      if (name.startsWith("part-")) await Deno.remove(join(folder, name));
    }
    const home = dirname(made.libraries);
    const cache = join(work, "cache", "forgelens-bench");
    await Deno.mkdir(cache, { recursive: true });
    await must(["cp", "-r", home, cache]);
    const copied = join(cache, basename(home));
    if (!flags.cudaLibraries) await Deno.remove(join(copied, "nvidia"), { recursive: true });
    if (flags.capability !== undefined) {
      const file = join(copied, "tensorflow", "libtensorflow_cc.so.2");
      const library = await Deno.readFile(file);
      const blanked = blankOtherGpus(library, flags.capability);
      await Deno.writeFile(file, library);
      log(`Blanked ${Math.round(blanked / 1e6)} MB of code for other GPUs`);
    }
    const pip = [
      "python3",
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--no-compile",
      "--no-deps",
    ];
    const target = [
      "--only-binary=:all:",
      "--python-version",
      flags.python,
      "--target",
      join(work, "python"),
    ];
    await must([...pip, ...target, ...PYTHON_PACKAGES]);
    log("Packing");
    const deno = zlib.gzipSync(await Deno.readFile(Deno.execPath()), { level: 9 });
    await Deno.writeFile(join(folder, "deno.gz"), deno);
    await Deno.writeTextFile(join(folder, "start.sh"), START);
    await Deno.writeTextFile(join(folder, "unpack.js"), UNPACK);
    const left = ["*.map", "*.d.ts", "*musl*"].map((pattern) => `--exclude=${pattern}`);
    const tar = new Deno.Command("tar", {
      args: ["-c", ...left, "-C", work, "cache", "python", "-C", ROOT, "node_modules"],
      stdout: "piped",
    }).spawn();
    const packed = Readable.fromWeb(tar.stdout as unknown as Parameters<typeof Readable.fromWeb>[0])
      .pipe(zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: flags.level } }));
    const count = await writeParts(packed, folder, flags.part * 1e6);
    if (!(await tar.status).success) {
      throw new Error("Cannot pack: expected tar to succeed but it failed; see above");
    }
    log(
      `${folder}: ${count} parts of up to ${flags.part} MB, deno.gz of ${
        Math.round(deno.length / 1e6)
      } MB, start.sh and unpack.js.\n` +
        `Does not travel: PyTorch and torchvision (the machine's python3 must have them)` +
        `${
          flags.cudaLibraries ? "" : ", CUDA's libraries (cuBLAS, cuDNN 9 and so on; likewise)"
        }, and the NVIDIA driver.`,
    );
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) {
  await new Command("gpu-pack")
    .description("Packs what the check of a GPU needs, for a machine without a network.")
    .argument("<folder>", "where the pack is written")
    .option("--part <megabytes>", "the most that a part takes", count, 50)
    .option("--level <n>", "of zstd, 1 to 19", count, 12)
    .option(
      "--capability <n>",
      "keep GPU code of one compute capability alone, 90 for an H100 or H200",
      count,
    )
    .option("--cuda-libraries", "take CUDA's libraries along, 3 GB", false)
    .option("--python <version>", "of the machine with the GPU", "3.12")
    .action(pack)
    .parseAsync(Deno.args, { from: "user" });
}
