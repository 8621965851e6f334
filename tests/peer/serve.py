"""Times calls of the reference's Python stack on request, so that another program can alternate them with its own.

usage: serve.py BATCH [DEVICE]     needs: torch open_clip_torch pillow
Reads one JSON object a line, {"measure": NAME, "calls": N, "paths": [...]}, and answers with {"seconds": [...]}, one for each call.
What is timed is seed_bench.py's, run once first as a warm-up; `images` opens, converts and resizes each path
with Pillow, on as many threads as there are CPUs.
"""
import concurrent.futures, contextlib, copy, io, json, os, sys, time

device = sys.argv[2] if len(sys.argv) > 2 else "cpu"
sys.argv = ["seed_bench.py", sys.argv[1], "1"]
source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seed_bench.py")
ns = {"__name__": "seed_bench"}
with contextlib.redirect_stdout(io.StringIO()):
    exec(compile(open(source).read(), source, "exec"), ns)

import torch
from PIL import Image

ns["head"].to(device)
ns["opt"] = torch.optim.AdamW(ns["head"].parameters(), lr=1e-4)  # whose moments are to be there too
low = ns["visual"].to(device)  # seed_bench.py ends with its tower in bfloat16
full = ns["visual"] = copy.deepcopy(low).float()
for name in ("x", "xb", "y", "tokens"):
    ns[name] = ns[name].to(device)
x, xb, tokens, encode = ns["x"], ns["xb"], ns["tokens"], ns["encode"]
settle = torch.cuda.synchronize if device != "cpu" else lambda: None


def image(path):
    return Image.open(path).convert("RGB").resize((224, 224), Image.BILINEAR).tobytes()


pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())  # Pillow decodes and resizes without Python's lock


def images(paths):
    list(pool.map(image, paths))


def frozen(v, pixels):
    with torch.no_grad():
        encode(v, pixels)


measures = {
    "encoder_fp32": lambda request: frozen(full, x),
    "encoder_bf16": lambda request: frozen(low, xb),
    "head_fp32": lambda request: ns["step"](tokens),
    "seed_step_fp32": lambda request: ns["whole"](),
    "images": lambda request: images(request["paths"]),
}
if device != "cpu":  # the warm-up was on the CPU
    for name in 3 * [name for name in measures if name != "images"]:
        measures[name]({})
    settle()
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    seconds = []
    for _ in range(request["calls"]):
        began = time.perf_counter()
        measures[request["measure"]](request)
        settle()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds}), flush=True)
