"""Times calls of PyTorch and Pillow on request, so that another program can alternate them with its own.

usage: serve.py BATCH [DEVICE]     needs: torch open_clip_torch pillow
Says first what it is, and as "low" the precision in which products are fastest here: bfloat16, or float32 where the processor has none.
Reads one JSON object a line, {"measure": NAME, "calls": N, "limit": S, "batch": B, "paths": [...]}, and answers with {"seconds": [...]},
one for each call, or with {"unable": REASON}; after S seconds no further call begins. What is timed is seed_bench.py's, run once first as a
warm-up, training_steps.py's on B images, each stepped once first, and at_best.py's, each run once first; `images` opens, converts and
resizes each path with Pillow, on as many threads as there are CPUs. What is never asked for is never made. {"measure": "attention"} is
answered with {"attention": NAMES}, the ops that attend in bfloat16.
"""
import concurrent.futures, contextlib, copy, functools, io, json, os, sys, time

here = os.path.dirname(os.path.abspath(__file__))
batch, device = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "cpu"

import torch
from PIL import Image

settle = torch.cuda.synchronize if device != "cpu" else lambda: None
has_bf16 = device != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
low = torch.bfloat16 if has_bf16 else torch.float32


@functools.cache
def source():
    """What seed_bench.py makes, on the device."""
    sys.argv = ["seed_bench.py", str(batch if device == "cpu" else 1), "1"]  # which runs it on the CPU
    path = os.path.join(here, "seed_bench.py")
    ns = {"__name__": "seed_bench"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(open(path).read(), path, "exec"), ns)
    ns["head"].to(device)
    ns["opt"] = torch.optim.AdamW(ns["head"].parameters(), lr=1e-4)  # whose moments are to be there too
    tower = ns["visual"].to(device)  # in bfloat16 where seed_bench.py has timed that
    ns["low"], ns["full"] = tower.to(low), copy.deepcopy(tower).float()
    ns["visual"] = ns["full"]
    if device != "cpu":
        ns["x"], ns["y"] = torch.randn(batch, 3, 224, 224, device=device), torch.arange(batch, device=device) % 2
        with torch.no_grad():
            ns["tokens"] = ns["encode"](ns["full"], ns["x"])
    ns["xb"] = ns["x"].to(low)
    return ns


@functools.cache
def reference():
    ns = source()
    x, xb, tokens, encode = ns["x"], ns["xb"], ns["tokens"], ns["encode"]

    def frozen(v, pixels):
        with torch.no_grad():
            encode(v, pixels)

    made = {
        "encoder_fp32": lambda: frozen(ns["full"], x),
        "encoder_bf16": lambda: frozen(ns["low"], xb),
        "head_fp32": lambda: ns["step"](tokens),
        "seed_step_fp32": lambda: ns["whole"](),
    }
    if device != "cpu":  # the warm-up was on the CPU
        for measure in 3 * list(made.values()):
            measure()
        settle()
    return made


@functools.cache
def training(images):
    import training_steps

    return training_steps.steps(images, device)


@functools.cache
def warm(name, images):
    """A training step that has been taken once, or on a GPU three times."""
    step = training(images)[name]
    for _ in range(1 if device == "cpu" else 3):
        step()
    settle()
    return step


@functools.cache
def best_encoder():
    import at_best

    return at_best.compiled_encoder(device, low)


@functools.cache
def best_step(compiled):
    """A step of a head of its own on tokens and labels."""
    import at_best

    return at_best.head_step(source()["Head"]().to(device).train(), device, low, compiled)


def on_ready_tokens(compiled):
    ns, step = source(), best_step(compiled)
    tokens = ns["tokens"].to(low)
    return lambda: step(tokens, ns["y"])


@functools.cache
def five_epochs(paths):
    import at_best

    ns, compiled = source(), best_encoder()
    encoders = {"compiled": lambda: compiled(ns["xb"]), "eager": lambda: eager(ns["xb"])}
    steps = {name: on_ready_tokens(compiled=name == "compiled") for name in encoders}

    def eager(pixels):
        with torch.no_grad():
            return ns["encode"](ns["low"], pixels)

    encode = {"compiled": compiled, "eager": eager}[at_best.fastest(encoders, settle)]
    step = best_step(at_best.fastest(steps, settle) == "compiled")
    return lambda: at_best.five_epochs(paths, batch, device, low, encode, step)


def best(name):
    if name == "encoder_compiled":
        encode, pixels = best_encoder(), source()["xb"]
        return lambda: encode(pixels)
    return on_ready_tokens(compiled=name.endswith("_compiled"))


@functools.cache
def warm_best(name, paths):
    """What has run once, or on a GPU three times; it is compiled then."""
    if name == "five_epochs":
        return five_epochs(paths)  # whose parts are warm
    body = best(name)
    for _ in range(1 if device == "cpu" else 3):
        body()
    settle()
    return body


def attention():
    """What PyTorch itself calls the op that attends, as in aten::_scaled_dot_product_flash_attention."""
    ns = source()
    with torch.no_grad(), torch.profiler.profile() as profile:
        ns["encode"](ns["low"], ns["xb"])
    names = {event.key for event in profile.key_averages() if event.key.startswith("aten::_scaled_dot_product")}
    return ", ".join(sorted(names)) or "no fused op"


def image(path):
    return Image.open(path).convert("RGB").resize((224, 224), Image.BILINEAR).tobytes()


pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())  # Pillow decodes and resizes without Python's lock


def ready(request):
    name = request["measure"]
    if name == "images":
        return lambda: list(pool.map(image, request["paths"]))
    if "bf16" in name and low != torch.bfloat16:
        raise RuntimeError("this processor has no products in bfloat16")
    if name in ("encoder_compiled", "head_fused", "head_compiled", "five_epochs"):
        return warm_best(name, tuple(request.get("paths") or ()))
    return warm(name, request["batch"]) if name.startswith(("ln_", "stage1_")) else reference()[name]


print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "low": str(low).split(".")[1]}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        if request["measure"] == "attention":
            print(json.dumps({"attention": attention()}), flush=True)
            continue
        body = ready(request)
        seconds = []
        while len(seconds) < request["calls"] and sum(seconds) < request["limit"]:
            began = time.perf_counter()
            body()
            settle()
            seconds.append(time.perf_counter() - began)
        said = {"seconds": seconds}
    except Exception as error:  # torch.compile needs a C++ compiler, for one
        said = {"unable": (str(error).strip() or type(error).__name__).splitlines()[0]}
    print(json.dumps(said), flush=True)
