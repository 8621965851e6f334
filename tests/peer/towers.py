"""Writes towers of sizes drawn from a seed as LN-tuning and both stages of the published ForgeLens train them, with what PyTorch computes.

usage: towers.py FOLDER SEED     needs: torch open_clip_torch safetensors
For each case i: tuned<i>.safetensors and published<i>.pth, each with .expected.safetensors beside it; cases.json has the settings. The
published model is written from the paper (arXiv 2408.13697) in the official checkpoint's names.
"""
import json
import logging
import random
import sys
import warnings
from pathlib import Path

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")
import torch
import torch.nn as nn
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
choose = random.Random(seed)
torch.manual_seed(seed)


def new_tower(c, quick_gelu):
    vision = CLIPVisionCfg(
        layers=c["layers"], width=c["width"], head_width=c["width"] // c["heads"], patch_size=c["patchSize"], image_size=c["grid"] * c["patchSize"]
    )
    text = CLIPTextCfg(context_length=8, vocab_size=20, width=32, heads=2, layers=1)
    return shaken(CLIP(embed_dim=c["embedDim"], vision_cfg=vision, text_cfg=text, quick_gelu=quick_gelu).visual).requires_grad_(False)


def shaken(model):
    """Biases and norms away from 0 and 1, which a wrong place for them would not show."""
    for p in model.parameters():
        if p.ndim == 1:
            p.data += 0.1 * torch.randn_like(p)
    return model


def entering(v, image):
    x = v.conv1(image).flatten(2).permute(0, 2, 1)
    return v.ln_pre(torch.cat([v.class_embedding.expand(len(x), 1, -1), x], 1) + v.positional_embedding)


def sizes():
    heads = choose.choice([1, 2, 3])
    batch = choose.choice([2, 5, 8])
    return {
        "heads": heads, "width": heads * choose.choice([16, 32]), "layers": choose.choice([1, 2, 4]), "patchSize": choose.choice([8, 14]),
        "grid": choose.choice([2, 3]), "embedDim": choose.choice([8, 20]), "labels": [0, 1] + [choose.randint(0, 1) for _ in range(batch - 2)],
    }


def three_steps(forward, loss_of, trained, make_optimizer, expected, image):
    """Gradients before three steps, their losses, and the logits after them."""
    for p in trained.values():
        p.requires_grad_(True)
    optimizer, losses = make_optimizer(list(trained.values())), []
    for step in range(3):
        optimizer.zero_grad()
        loss = loss_of(forward(image))
        loss.backward()
        if step == 0:
            expected |= {f"grad.{name}": p.grad.clone() for name, p in trained.items()}
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = forward(image)
    for p in trained.values():
        p.requires_grad_(False)
    return losses, (logits[0] if isinstance(logits, tuple) else logits)


def tuned_case(i):
    c = sizes() | {"activation": choose.choice(["gelu", "quickgelu"]), "normalise": choose.random() < 0.5}
    v, head = new_tower(c, c["activation"] == "quickgelu"), nn.Linear(c["width"], 2)
    save_file(
        {f"visual.{name}": p.clone().contiguous() for name, p in v.named_parameters()} | {"head.weight": head.weight.data.clone(), "head.bias": head.bias.data.clone()},
        folder / f"tuned{i}.safetensors",
    )
    labels = torch.tensor(c["labels"])

    def forward(image):
        clsToken = v.ln_post(v.transformer(entering(v, image))[:, 0])
        unit = F.normalize(clsToken, dim=1)
        return head(unit if c["normalise"] else clsToken), unit

    def loss_of(output):
        logits, unit = output
        return F.cross_entropy(logits, labels) + unit[:, 0].mean()  # so that a gradient comes to the embedding too

    trained = {f"visual.{name}": p for name, p in v.named_parameters() if "ln_" in name} | {f"head.{name}": p for name, p in head.named_parameters()}
    expected = {"image": torch.randn(len(labels), 3, *[c["grid"] * c["patchSize"]] * 2)}
    c["losses"], expected["logits3"] = three_steps(forward, loss_of, trained, lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01), expected, expected["image"])
    save_file(expected, folder / f"tuned{i}.expected.safetensors")
    return c


class WSGM(nn.Module):
    def __init__(self, width, bottleneck):
        super().__init__()
        self.down, self.middle, self.up = nn.Linear(width, bottleneck), nn.Linear(bottleneck, bottleneck), nn.Linear(bottleneck, width)

    def forward(self, x):
        return self.up(F.relu(self.middle(F.relu(self.down(x)))))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Identity(), nn.Linear(hidden, width), nn.Identity())

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Published(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.visual = new_tower(c, True)
        E = c["embedDim"]
        self.modules_ = nn.ModuleList([WSGM(c["width"], c["width"] // c["reduction"]) for _ in range(c["wsgmCount"])])
        self.first, self.unused = nn.Linear(E, 1), nn.LayerNorm(E)
        self.blocks = nn.ModuleList([Block(E, c["faformerHeads"], E // c["hiddenReduction"]) for _ in range(c["faformerLayers"])])
        self.cls_token, self.ln_post, self.second = nn.Parameter(torch.randn(E)), nn.LayerNorm(E), nn.Linear(E, 1)
        shaken(self)

    def module_of(self, i):
        count, layers = len(self.modules_), len(self.visual.transformer.resblocks)
        return i * min(count, layers) // layers

    def cls_tokens(self, image):
        v, x, found = self.visual, entering(self.visual, image), []
        for i, block in enumerate(v.transformer.resblocks):
            x = x + block.attention(block.ln_1(x))
            x = x + self.modules_[self.module_of(i)](x)
            x = x + block.mlp(block.ln_2(x))
            found.append(v.ln_post(x[:, 0]) @ v.proj)
        return torch.stack(found, 1)

    def stage1(self, image):
        return self.first(self.cls_tokens(image)[:, -1])

    def stage2(self, image):
        x = torch.cat([self.cls_token.expand(len(image), 1, -1), self.cls_tokens(image)], 1)
        for block in self.blocks:
            x = block(x)
        return self.second(self.ln_post(x[:, 0]))

    def official(self):
        """Key to parameter; blocks' copies of modules apart."""
        tower, names = "backbone.backbone.visual.", {}
        names |= {tower + name: p for name, p in self.visual.named_parameters()}
        names |= {f"{tower}transformer.WSGM_modules.{name}": p for name, p in self.modules_.named_parameters()}
        names |= {f"backbone.fc.1.{name}": p for name, p in self.first.named_parameters()}
        names |= {f"backbone.ln_post.{name}": p for name, p in self.unused.named_parameters()}
        names |= {f"transformer.resblocks.{name}": p for name, p in self.blocks.named_parameters()}
        names |= {"cls_token": self.cls_token} | {f"ln_post.{name}": p for name, p in self.ln_post.named_parameters()}
        return names | {f"fc.1.{name}": p for name, p in self.second.named_parameters()}


def published_case(i):
    c = sizes()
    c |= {
        "wsgmCount": choose.choice([1, 2, 3]), "reduction": choose.choice([2, 4]), "faformerLayers": choose.choice([0, 1, 3]),
        "faformerHeads": choose.choice([1, 2, 4]), "hiddenReduction": choose.choice([1, 2]),
    }
    model = Published(c)
    names = model.official()
    used = {f"backbone.backbone.visual.transformer.WSGM_modules.{model.module_of(j)}." for j in range(c["layers"])}
    first = {name: p for name, p in names.items() if any(name.startswith(prefix) for prefix in used) or name.startswith("backbone.fc.")}
    second = {name: p for name, p in names.items() if not name.startswith("backbone.")}
    state = {name: p.data.clone() for name, p in names.items()}
    for j in range(c["layers"]):
        shared = f"backbone.backbone.visual.transformer.WSGM_modules.{model.module_of(j)}."
        for name in [name for name in state if name.startswith(shared)]:
            state[f"backbone.backbone.visual.transformer.resblocks.{j}.wsgm_module.{name.removeprefix(shared)}"] = state[name].clone()
    torch.save({"epoch": 1, "model_state_dict": state, "loss": 0.5}, folder / f"published{i}.pth")
    labels = torch.tensor(c["labels"], dtype=torch.float32)
    loss_of = lambda logits: F.binary_cross_entropy_with_logits(logits[:, 0], labels)
    image = torch.randn(len(labels), 3, *[c["grid"] * c["patchSize"]] * 2)
    all_expected = {"image": image}
    for stage, trained in [(1, first), (2, second)]:
        for p in names.values():
            p.requires_grad_(False)
        for name, p in names.items():
            p.data.copy_(state[name])
        expected = {}
        forward = model.stage1 if stage == 1 else model.stage2
        c[f"stage{stage}Losses"], expected["logits3"] = three_steps(forward, loss_of, trained, lambda p: torch.optim.Adam(p, lr=1e-3), expected, image)
        all_expected |= {f"stage{stage}.{name}": value for name, value in expected.items()}
    save_file(all_expected, folder / f"published{i}.expected.safetensors")
    return c


cases = {"tuned": [tuned_case(i) for i in range(6)], "published": [published_case(i) for i in range(6)]}
(folder / "cases.json").write_text(json.dumps(cases))
