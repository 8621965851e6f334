"""Writes the head that ln_tuning's three cases began with, from the one that its file holds.

usage: ln_tuning_head.py FIXTURES     needs: torch open_clip_torch safetensors
The file's head.weight and head.bias are those after the three steps of its last case, l2_unal. The steps are undone by a fixed point:
a start is moved by what its end misses, until the end is the file's. All cases' losses and gradients then come out as the file has them.
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import load_file, save_file

folder = Path(sys.argv[1])
tower, expected = load_file(folder / "clip_tiny.safetensors"), load_file(folder / "ln_tuning_expected.safetensors")
settings = json.loads((folder / "ln_tuning.json").read_text())
labels = torch.tensor(settings["labels"])
a, b = torch.triu_indices(len(labels), len(labels), 1)


def new_tower():
    vision = CLIPVisionCfg(layers=3, width=64, head_width=64 // settings["heads"], patch_size=16, image_size=64)
    text = CLIPTextCfg(context_length=8, vocab_size=20, width=32, heads=2, layers=1)
    visual = CLIP(embed_dim=32, vision_cfg=vision, text_cfg=text, quick_gelu=True).visual
    visual.load_state_dict({key.removeprefix("visual."): value for key, value in tower.items()})
    return visual.requires_grad_(False)


def class_token(v):
    x = v.conv1(expected["image"]).flatten(2).permute(0, 2, 1)
    x = torch.cat([v.class_embedding.expand(len(x), 1, -1), x], 1) + v.positional_embedding
    return v.ln_post(v.transformer(v.ln_pre(x))[:, 0])


def three_steps(case, weight, bias):
    v = new_tower()
    norms = [p.requires_grad_(True) for name, p in v.named_parameters() if "ln_" in name]
    weight, bias = weight.clone().requires_grad_(True), bias.clone().requires_grad_(True)
    optimizer = torch.optim.AdamW([*norms, weight, bias], lr=1e-3, weight_decay=0)
    losses, first = [], None
    for _ in range(3):
        c = class_token(v)
        unit = F.normalize(c, dim=1)
        distances = ((unit[a] - unit[b]) ** 2).sum(1)
        loss = F.cross_entropy(F.linear(unit if case["normalise"] else c, weight, bias), labels)
        if case["alignment"]:
            loss = loss + case["alignment"] * distances[labels[a] == labels[b]].mean()
            loss = loss + case["uniformity"] * torch.exp(-2 * distances).mean().clamp(min=1e-6).log()
        optimizer.zero_grad()
        loss.backward()
        first = weight.grad.clone() if first is None else first
        optimizer.step()
        losses.append(loss.item())
    return losses, first, weight.detach(), bias.detach()


last = settings["cases"][-1]
weight, bias = expected["head.weight"].clone(), expected["head.bias"].clone()
for _ in range(12):
    _, _, end, end_bias = three_steps(last, weight, bias)
    weight, bias = weight + expected["head.weight"] - end, bias + expected["head.bias"] - end_bias
save_file({"head.weight": weight, "head.bias": bias}, folder / "ln_tuning_head.safetensors")
for case in settings["cases"]:
    losses, first, _, _ = three_steps(case, weight, bias)
    off = max(abs(x - y) for x, y in zip(losses, case["losses"]))
    print(case["name"], "losses", off, "gradient", (first - expected[f"{case['name']}.grad.head.weight"]).abs().max().item())
