"""Runs the reference notebook's whole ForgeLens over open_clip's own CLIP class, on weights that the bench wrote.

usage: whole_model.py clip MODEL ACTIVATION FILE     writes a seeded random CLIP, text tower too, to a .safetensors or .pt file
       whole_model.py logits MODEL REQUEST            needs: torch torchvision open_clip_torch safetensors pillow
MODEL is `small` or a name of open_clip's. REQUEST is a JSON file: activation, attendAcross, heads, depth, feedForward, batchSize,
weights (files to load strictly), save (where to put the state dict), lists ([{jpegQuality, paths}]), out (a JSON file).
Writes the logits (real, fake) of each list, batch after batch in the order given, through the notebook's own preprocessing.
"""
import json
import logging
import sys
from io import BytesIO
from pathlib import Path

logging.disable(logging.WARNING)
import open_clip
import torch
import torchvision.transforms as T
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from PIL import Image
from safetensors.torch import load_file, save_file

from notebook_model import ForgeLens


def new_clip(model, activation, seed):
    torch.manual_seed(seed)
    quick_gelu = activation == "quickgelu"
    if model != "small":
        return open_clip.create_model(model, pretrained=None, force_quick_gelu=quick_gelu)
    vision = CLIPVisionCfg(layers=3, width=128, head_width=64, patch_size=32, image_size=224)
    text = CLIPTextCfg(context_length=8, vocab_size=20, width=32, heads=2, layers=2)
    return CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text, quick_gelu=quick_gelu)


def load(path):
    return load_file(path) if path.endswith(".safetensors") else torch.load(path, map_location="cpu", weights_only=True)


preprocess = T.Compose([
    T.Resize((224, 224)),
    T.ToTensor(),
    T.Normalize(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711]),
])


def image(path, jpeg_quality):
    picture = Image.open(path).convert("RGB")
    if jpeg_quality:
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=jpeg_quality)
        picture = Image.open(buffer)
    return preprocess(picture)


@torch.no_grad()
def logits(model, paths, jpeg_quality, batch_size):
    result = []
    for start in range(0, len(paths), batch_size):
        batch = torch.stack([image(path, jpeg_quality) for path in paths[start : start + batch_size]])
        result += model(batch).tolist()
    return result


if sys.argv[1] == "clip":
    _, _, model, activation, file = sys.argv
    state = {key: value.contiguous() for key, value in new_clip(model, activation, seed=0).state_dict().items()}
    save_file(state, file) if file.endswith(".safetensors") else torch.save(state, file)
else:
    _, _, name, request = sys.argv
    r = json.loads(Path(request).read_text())
    answers = []
    for weights in r["weights"]:
        clip = new_clip(name, r["activation"], seed=1)  # other weights than the file's
        model = ForgeLens(clip, r["heads"], r["depth"], r["feedForward"], r["attendAcross"]).eval()
        model.load_state_dict(load(weights), strict=True)
        answers.append([logits(model, part["paths"], part["jpegQuality"], r["batchSize"]) for part in r["lists"]])
    torch.save(model.state_dict(), r["save"])
    Path(r["out"]).write_text(json.dumps({"torch": torch.__version__, "openClip": open_clip.__version__, "logits": answers}))
