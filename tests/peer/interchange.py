"""Loads what the bench wrote into the reference notebook's own PyTorch modules, and writes what they write.

usage: interchange.py FOLDER     needs: torch, safetensors
Reads model.safetensors, model-full.safetensors, model-full.pth and tokens.safetensors; writes logits.safetensors and reference.pth.
The modules are the notebook's; CLIP is stood in for by a module with the state dict's own names, so that strict loading checks each one.
"""
import sys
from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import load_file, save_file

from notebook_model import FAFormer, WSGM, pooled

folder = Path(sys.argv[1])


class Named(nn.Module):
    """A tree of parameters under the names of a state dict."""

    def __init__(self, state):
        super().__init__()
        for name, value in state.items():
            head, _, rest = name.partition(".")
            if not rest:
                self.register_parameter(head, nn.Parameter(torch.empty_like(value), requires_grad=False))
        for head in {name.partition(".")[0] for name in state if "." in name}:
            inner = {name.partition(".")[2]: value for name, value in state.items() if name.startswith(head + ".")}
            self.add_module(head, Named(inner))


class ForgeLens(nn.Module):
    def __init__(self, dim, heads, depth, feed_forward, clip):
        super().__init__()
        if clip is not None:
            self.extractor = nn.Module()
            self.extractor.clip = Named(clip)
        self.wsgm = WSGM(dim)
        self.faformer = FAFormer(dim, heads=heads, depth=depth, feed_forward=feed_forward)
        self.cls_head = nn.Linear(dim, 2)

    def forward(self, tokens):
        return self.cls_head(pooled(self.faformer(self.wsgm(tokens))))


heads = int(sys.argv[2])
head = load_file(folder / "model.safetensors")
dim = head["cls_head.weight"].shape[1]
depth = 1 + max(int(key.split(".")[2]) for key in head if key.startswith("faformer.layers."))
feed_forward = head["faformer.layers.0.linear1.weight"].shape[0]
tokens = load_file(folder / "tokens.safetensors")["tokens"]
clip = {key: value for key, value in load_file(folder / "clip.safetensors").items()}


def logits(state, with_clip):
    model = ForgeLens(dim, heads, depth, feed_forward, clip if with_clip else None).eval()
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        return model, model(tokens)


_, alone = logits(head, with_clip=False)
_, pth = logits(torch.load(folder / "model.pth", weights_only=True), with_clip=False)
whole, full = logits(load_file(folder / "model-full.safetensors"), with_clip=True)
_, full_pth = logits(torch.load(folder / "model-full.pth", weights_only=True), with_clip=True)
for name, value in clip.items():
    assert torch.equal(whole.state_dict()["extractor.clip." + name], value), name
torch.save(whole.state_dict(), folder / "reference.pth")
save_file({"alone": alone, "pth": pth, "full": full, "fullPth": full_pth}, folder / "logits.safetensors")
print("ok", torch.__version__)
