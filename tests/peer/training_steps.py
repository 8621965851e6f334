"""Training steps through CLIP's ViT-B/16 in PyTorch, for a side-by-side ratio: pixels, loss, gradients, optimizer.

LN-tuning (layer norms and a linear head, cross-entropy, AdamW) and stage 1 of the published ForgeLens (12 guidance modules, dropout 0.5,
binary cross-entropy, Adam), each in float32 as autograd keeps it and in bfloat16 autocast with every block computed again. Imported by
serve.py; needs: torch open_clip_torch.
"""
import contextlib

import open_clip
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint


class Guidance(nn.Module):
    def __init__(self, width):
        super().__init__()
        small = width // 4
        self.down, self.middle, self.up = nn.Linear(width, small), nn.Linear(small, small), nn.Linear(small, width)
        for layer in (self.down, self.middle, self.up):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.up(self.dropout(F.relu(self.middle(self.dropout(F.relu(self.down(x)))))))


class GuidedBlock(nn.Module):
    def __init__(self, block, guidance):
        super().__init__()
        self.block, self.guidance = block, guidance

    def forward(self, x):
        x = x + self.block.attention(self.block.ln_1(x))
        x = x + self.guidance(x)
        return x + self.block.mlp(self.block.ln_2(x))


def new_tower(device):
    return open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).visual.requires_grad_(False).train().to(device)


def cls_token(v, pixels, blocks, recompute):
    """[B, D], after the last layer norm."""
    x = v.conv1(pixels).flatten(2).permute(0, 2, 1)
    x = v.ln_pre(torch.cat([v.class_embedding.expand(len(x), 1, -1).to(x.dtype), x], 1) + v.positional_embedding)
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False) if recompute else block(x)
    return v.ln_post(x[:, 0])


def ln_tuning(device):
    v = new_tower(device)
    head = nn.Linear(v.transformer.width, 2).to(device)
    norms = [m for m in v.modules() if isinstance(m, nn.LayerNorm)]
    trained = [p.requires_grad_(True) for m in norms for p in m.parameters()] + list(head.parameters())

    def loss(pixels, labels, recompute):
        return F.cross_entropy(head(cls_token(v, pixels, v.transformer.resblocks, recompute)), labels)

    return loss, torch.optim.AdamW(trained, lr=3e-4)


def stage1(device):
    v = new_tower(device)
    guided = nn.ModuleList(GuidedBlock(b, Guidance(v.transformer.width)) for b in v.transformer.resblocks).to(device)
    head = nn.Sequential(nn.Dropout(0.5), nn.Linear(v.proj.shape[1], 1)).to(device)
    trained = [p for g in guided for p in g.guidance.parameters()] + list(head.parameters())

    def loss(pixels, labels, recompute):
        embedding = cls_token(v, pixels, guided, recompute) @ v.proj
        return F.binary_cross_entropy_with_logits(head(embedding)[:, 0], labels.float())

    return loss, torch.optim.Adam(trained, lr=5e-5)


def opened(make, batch, device):
    """One training, as a step in float32 without recomputation and one in bfloat16 autocast with it."""
    loss, optimizer = make(device)
    pixels, labels = torch.randn(batch, 3, 224, 224, device=device), torch.arange(batch, device=device) % 2

    def step(low):
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16) if low else contextlib.nullcontext():
            value = loss(pixels, labels, recompute=low)
        value.backward()
        optimizer.step()
        return value.item()

    return {"fp32": lambda: step(False), "bf16": lambda: step(True)}


def steps(batch, device):
    """Step by the name of its measure."""
    made = {"ln_step": opened(ln_tuning, batch, device), "stage1_step": opened(stage1, batch, device)}
    return {f"{name}_{precision}": step for name, by in made.items() for precision, step in by.items()}
