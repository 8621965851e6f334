"""Times OpenVINO and onnxruntime on an encoder on request, so that another program can alternate them with its own.

usage: engines.py BATCH MODELS PICTURES     needs: openvino nncf onnx onnxruntime numpy
MODELS has export_onnx.py's `encoder.onnx` and keeps what is quantised from it, which is made when it is first asked for: `openvino-int8.xml`
by NNCF after training, calibrated on `calibration.u8`, and `onnxruntime-int8.onnx` with dynamic quantisation. PICTURES has
`calibration.u8` and `held-out.u8`, RGB bytes of 224×224 pixels each, a multiple of BATCH, and `held-out.f32`, the exact tokens of the latter.
Reads one JSON object a line. {"measure": NAME, "calls": N, "limit": S} answers {"seconds": [...]}, one for each call on a batch, of which none
begins after S seconds; with "cosine": true it answers {"cosine": X}, the mean over tokens of held-out pictures; {"unable": REASON} where
NAME is not to be had on this machine.
"""
import functools
import json
import logging
import os
import sys
import time
from pathlib import Path

batch, models, pictures = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
answers, sys.stdout = sys.stdout, sys.stderr  # what the libraries print is no answer
logging.disable(logging.WARNING)
import numpy as np
import onnxruntime
import openvino

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
exported = models / "encoder.onnx"
threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
core = openvino.Core()


class Unable(Exception):
    pass


def batches(name):
    """CLIP-normalised pixels, [B, 3, 224, 224]."""
    images = np.fromfile(pictures / name, np.uint8).reshape(-1, batch, 224, 224, 3)
    for some in images:
        yield np.ascontiguousarray(((some.astype(np.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2))


def openvino_int8_model():
    path = models / "openvino-int8.xml"
    if not path.exists():
        import nncf

        calibration = list(batches("calibration.u8"))
        model = nncf.quantize(
            core.read_model(exported), nncf.Dataset(calibration), subset_size=len(calibration), model_type=nncf.ModelType.TRANSFORMER
        )
        openvino.save_model(model, models / "making.xml")
        os.replace(models / "making.bin", path.with_suffix(".bin"))
        os.replace(models / "making.xml", path)  # last: what is there is whole
    return path


def onnxruntime_int8_model():
    path = models / "onnxruntime-int8.onnx"
    if not path.exists():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(exported, models / "making.onnx", weight_type=QuantType.QInt8, per_channel=True)
        os.replace(models / "making.onnx", path)
    return path


def in_openvino(path, precision):
    model = core.compile_model(
        path, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    )
    request = model.create_infer_request()
    return lambda pixels: request.infer([pixels], share_inputs=True, share_outputs=True)[0]


def in_onnxruntime(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})[0]


def has_bfloat16():
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def openvino_bfloat16():
    if not has_bfloat16():
        raise Unable("OpenVINO finds no bfloat16 in this CPU")
    return in_openvino(exported, "bf16")


# What is left of an int8 model is in bfloat16 where the CPU has it, as OpenVINO does by itself.
makers = {
    "openvino_int8": lambda: in_openvino(openvino_int8_model(), "bf16" if has_bfloat16() else "f32"),
    "openvino_bf16": openvino_bfloat16,
    "onnxruntime_int8": lambda: in_onnxruntime(onnxruntime_int8_model()),
    "onnxruntime_fp32": lambda: in_onnxruntime(exported),
}


@functools.cache
def encoder(measure):
    """An encoder that has run once."""
    made = makers[measure]()
    made(pixels)
    return made


def mean_cosine(encode):
    exact = np.fromfile(pictures / "held-out.f32", np.float32).reshape(-1, batch, 197, 768)
    cosines = []
    for some, expected in zip(batches("held-out.u8"), exact, strict=True):
        tokens = encode(some)
        lengths = np.linalg.norm(tokens, axis=-1) * np.linalg.norm(expected, axis=-1)
        cosines.append(np.mean((tokens * expected).sum(-1) / lengths))
    return float(np.mean(cosines))


def answer(request):
    encode = encoder(request["measure"])
    if request.get("cosine"):
        return {"cosine": mean_cosine(encode)}
    seconds = []
    while len(seconds) < request["calls"] and sum(seconds) < request["limit"]:
        began = time.perf_counter()
        encode(pixels)
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds}


pixels = next(batches("held-out.u8"))
versions = {"openvino": openvino.__version__.split("-")[0], "onnxruntime": onnxruntime.__version__}
print(json.dumps(versions), file=answers, flush=True)
for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:  # one engine that fails leaves the others to run
        said = {"unable": (str(error).strip() or type(error).__name__).splitlines()[-1]}
    print(json.dumps(said), file=answers, flush=True)
