"""What the bench times in PyTorch as a user in a hurry would write it, beside the reference's own loop; imported by serve.py.

All in `low`, bfloat16 or where the processor has no products in it float32. The encoder is compiled with its weights as constants
(freezing); the head's step is autocast with fused AdamW, as it is and compiled; five epochs read files with DataLoader's workers, encode
once, and keep the tokens in memory.
Needs: torch open_clip_torch pillow numpy.
"""
import os
import time

import numpy as np
import open_clip
import torch
import torch._inductor.config
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset

EPOCHS = 5
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Tokens(nn.Module):
    """An open_clip vision tower up to its last layer norm: pixels to tokens, [B, N, D]."""

    def __init__(self, visual):
        super().__init__()
        self.visual = visual

    def forward(self, pixels):
        v = self.visual
        x = v.conv1(pixels).flatten(2).permute(0, 2, 1)
        x = torch.cat([v.class_embedding.expand(x.shape[0], 1, -1).to(x.dtype), x], 1) + v.positional_embedding
        x = v.ln_pre(x)
        for block in v.transformer.resblocks:
            x = block(x)
        return v.ln_post(x)


class Files(Dataset):
    """Images as bytes, [224, 224, 3], real and fake in turn."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = Image.open(self.paths[i]).convert("RGB").resize((224, 224), Image.BILINEAR)
        return torch.from_numpy(np.array(image)), i % 2


def compiled_encoder(device, low):
    """A function of pixels, CLIP-normalised, [B, 3, 224, 224] in `low`."""
    visual = open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).visual.eval().requires_grad_(False)
    tower = torch.compile(Tokens(visual).to(device, low))

    def encode(pixels):
        with torch.no_grad(), torch._inductor.config.patch(freezing=True):
            return tower(pixels)

    return encode


def head_step(head, device, low, compiled):
    """A training step on tokens and labels."""
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-4, fused=True)

    def loss(tokens, labels):
        with torch.autocast(device, dtype=torch.bfloat16, enabled=low == torch.bfloat16):
            return F.cross_entropy(head(tokens).float(), labels)

    measured = torch.compile(loss) if compiled else loss

    def step(tokens, labels):
        optimizer.zero_grad()
        measured(tokens, labels).backward()
        optimizer.step()

    return step


def fastest(steps, settle):
    """The name of the function that takes the least time; one that cannot run, as without a C++ compiler, is none. All are warm then."""

    def seconds(step):
        try:
            step()
        except Exception:
            return float("inf")
        settle()
        taken = []
        while len(taken) < 4 and sum(taken) < 2:  # what takes seconds is known after one
            began = time.perf_counter()
            step()
            settle()
            taken.append(time.perf_counter() - began)
        return sum(taken) / len(taken)

    return min(steps, key=lambda name: seconds(steps[name]))


def five_epochs(paths, batch, device, low, encode, step):
    """From files to a trained head: the images are read and encoded once."""
    mean, std = (torch.tensor(each, device=device).view(3, 1, 1) for each in (MEAN, STD))
    loader = DataLoader(Files(paths), batch_size=batch, num_workers=min(os.cpu_count(), 8), pin_memory=device != "cpu")
    kept = []
    for images, labels in loader:
        pixels = images.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div(255)
        tokens, labels = encode(((pixels - mean) / std).to(low)), labels.to(device)
        kept.append((tokens, labels))
        step(tokens, labels)
    for _ in range(EPOCHS - 1):
        for tokens, labels in kept:
            step(tokens, labels)
