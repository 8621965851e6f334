"""Writes tests/fixtures/training_options.json: what PyTorch makes of schedules, optimizers, accumulation, clipping and losses.

    python tests/peer/training_options.py tests/fixtures/training_options.json
"""

import json
import sys

import torch
import torch.nn.functional as F
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR, StepLR

torch.manual_seed(0)
WIDTH, IMAGES = 5, 12


def rates(make, steps):
    """The learning rate before each step."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def warm(optimizer, after):
    start = LinearLR(optimizer, start_factor=1e-6 / 3e-4, total_iters=4)
    return SequentialLR(optimizer, [start, after], milestones=[4])


schedules = {
    "cosine": rates(lambda o: CosineAnnealingLR(o, T_max=20, eta_min=1e-6), 20),
    "warm": rates(lambda o: warm(o, CosineAnnealingLR(o, T_max=16, eta_min=1e-6)), 20),
    "step": rates(lambda o: StepLR(o, step_size=2, gamma=0.7), 10),
}

x = torch.randn(IMAGES, WIDTH)
labels = torch.randint(0, 2, (IMAGES,))
weight, bias = torch.randn(2, WIDTH) * 0.3, torch.randn(2) * 0.1


def train(optimizer, weight_decay, batches, accumulate, clip, smoothing):
    """Steps on batches of the given sizes; a step's gradient is the mean over its images."""
    w, b = (torch.nn.Parameter(p.clone()) for p in (weight, bias))
    steps = {"adam": Adam, "adamw": AdamW}[optimizer]([w, b], lr=1e-2, weight_decay=weight_decay)
    losses, begin = [], 0
    for first in range(0, len(batches), accumulate):
        together = batches[first : first + accumulate]
        steps.zero_grad()
        for size in together:
            part = slice(begin, begin + size)
            loss = F.cross_entropy(x[part] @ w.T + b, labels[part], label_smoothing=smoothing)
            (loss * size / sum(together)).backward()
            losses.append(loss.item())
            begin += size
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([w, b], clip)
        steps.step()
    return {"losses": losses, "weight": w.flatten().tolist(), "bias": b.tolist()}


cases = [
    dict(optimizer="adam", weight_decay=0, batches=[4, 4, 4], accumulate=1, clip=None, smoothing=0),
    dict(optimizer="adam", weight_decay=0.1, batches=[4, 4, 4], accumulate=1, clip=None, smoothing=0),
    dict(optimizer="adamw", weight_decay=0.1, batches=[4, 4, 4], accumulate=1, clip=0.2, smoothing=0),
    dict(optimizer="adamw", weight_decay=0.1, batches=[4, 2, 3, 3], accumulate=2, clip=None, smoothing=0),
    dict(optimizer="adam", weight_decay=0.1, batches=[5, 2, 5], accumulate=2, clip=0.3, smoothing=0.1),
]


def with_gradients(loss, *inputs):
    inputs = [each.clone().requires_grad_() for each in inputs]
    value = loss(*inputs)
    value.backward()
    return {"loss": value.item(), "gradients": [each.grad.flatten().tolist() for each in inputs]}


two, one, embedding = torch.randn(IMAGES, 2), torch.randn(IMAGES, 1), torch.randn(IMAGES, WIDTH)


def uniformity_alignment(logits, e):
    """As in the authors' code (GenD, src/losses/unifalign.py): each pair once."""
    unit = F.normalize(e, dim=1)
    distances = torch.pdist(unit).pow(2)
    i, j = torch.triu_indices(IMAGES, IMAGES, 1)
    alignment = distances[labels[i] == labels[j]].mean()
    uniformity = distances.mul(-2).exp().mean().clamp(min=1e-6).log()
    return F.cross_entropy(logits, labels) + 0.1 * alignment + 0.5 * uniformity


losses = {
    "smoothed": with_gradients(lambda z: F.cross_entropy(z, labels, label_smoothing=0.2), two),
    "binary": with_gradients(lambda z: F.binary_cross_entropy_with_logits(z[:, 0], labels.float()), one),
    "uniformityAlignment": with_gradients(uniformity_alignment, two, embedding),
}

json.dump(
    {
        "torch": torch.__version__,
        "schedules": schedules,
        "input": x.flatten().tolist(),
        "labels": labels.tolist(),
        "weight": weight.flatten().tolist(),
        "bias": bias.tolist(),
        "cases": [{**case, **train(**case)} for case in cases],
        "two": two.flatten().tolist(),
        "one": one.flatten().tolist(),
        "embedding": embedding.flatten().tolist(),
        "losses": losses,
    },
    open(sys.argv[1], "w"),
)
