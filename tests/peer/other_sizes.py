"""Writes small models of sizes drawn from a seed, with what open_clip and PyTorch compute for them.

usage: other_sizes.py FOLDER SEED     needs: torch open_clip_torch safetensors
For each case i: clip<i>.safetensors, clip<i>.torchscript.pt, clip<i>.half.pt (weights rounded to half, as OpenAI's files keep them) and
clip<i>.expected.safetensors; head<i>.pth and head<i>.expected.safetensors; cases.json has the settings.
"""
import json
import logging
import random
import sys
import warnings
from pathlib import Path

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")
import open_clip
import torch
import torch.nn as nn
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file

from notebook_model import CLIPFeatureExtractor, FAFormer, WSGM, pooled

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
choose = random.Random(seed)
torch.manual_seed(seed)


def new_clip(c, image_size):
    vision = CLIPVisionCfg(
        layers=c["layers"], width=c["width"], head_width=c["width"] // c["heads"], patch_size=c["patchSize"], image_size=image_size, mlp_ratio=c["mlpRatio"]
    )
    text = CLIPTextCfg(context_length=8, vocab_size=20, width=32, heads=2, layers=1)
    return CLIP(embed_dim=c["embedDim"], vision_cfg=vision, text_cfg=text, quick_gelu=c["activation"] == "quickgelu").eval()


def shaken(model):
    """Biases and norms away from 0 and 1, which a wrong place for them would not show."""
    for name, p in model.named_parameters():
        if p.ndim == 1:
            p.data += 0.1 * torch.randn_like(p)
    return model


@torch.no_grad()
def clip_case(i):
    heads = choose.choice([1, 2, 3, 4])
    c = {
        "heads": heads, "width": heads * choose.choice([16, 24, 32]), "layers": choose.choice([1, 2, 4]), "patchSize": choose.choice([7, 8, 14, 16]),
        "mlpRatio": choose.choice([2.0, 4.0]), "embedDim": choose.choice([8, 20]), "activation": choose.choice(["gelu", "quickgelu"]), "batch": choose.choice([1, 3, 6]),
    }
    grid, other = choose.choice([2, 3, 5]), choose.choice([4, 7, 9])
    c["imageSize"], c["otherSize"] = grid * c["patchSize"], other * c["patchSize"]
    model = shaken(new_clip(c, c["imageSize"]))
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / f"clip{i}.safetensors")
    image = torch.randn(c["batch"], 3, c["imageSize"], c["imageSize"])
    torch.jit.trace(model.visual, image).save(str(folder / f"clip{i}.torchscript.pt"))
    expected = {"image": image, "embedding": model.encode_image(image)}
    for across in ["tokens", "batch"]:
        expected[f"tokens.{across}"] = CLIPFeatureExtractor(model, across)(image).contiguous()
    resized = new_clip(c, c["otherSize"])
    changed = dict(state)
    open_clip.model.resize_pos_embed(changed, resized)
    resized.load_state_dict(changed, strict=True)
    expected["otherImage"] = torch.randn(2, 3, c["otherSize"], c["otherSize"])
    expected["otherEmbedding"] = resized.encode_image(expected["otherImage"])
    halves = {key: value.half() for key, value in state.items()}
    torch.save(halves, folder / f"clip{i}.half.pt")
    model.load_state_dict({key: value.float() for key, value in halves.items()})
    expected["halfEmbedding"] = model.encode_image(image)
    save_file(expected, folder / f"clip{i}.expected.safetensors")
    return c


class Head(nn.Module):
    def __init__(self, dim, heads, depth, feed_forward):
        super().__init__()
        self.wsgm, self.faformer, self.cls_head = WSGM(dim), FAFormer(dim, heads, depth, feed_forward), nn.Linear(dim, 2)

    def forward(self, tokens):
        return self.cls_head(pooled(self.faformer(self.wsgm(tokens))))


def head_case(i):
    heads = choose.choice([1, 2, 4])
    c = {
        "heads": heads, "dim": heads * choose.choice([8, 12, 20]), "depth": choose.choice([1, 2, 3]), "feedForward": choose.choice([30, 128]),
        "learningRate": choose.choice([1e-4, 1e-3, 5e-3]), "weightDecay": choose.choice([0.0, 0.01, 0.2]), "beta1": choose.choice([0.9, 0.5]),
    }
    batch, tokens = choose.choice([2, 4, 7]), choose.choice([5, 17, 50])
    c["labels"] = [0, 1] + [choose.randint(0, 1) for _ in range(batch - 2)]
    model = shaken(Head(c["dim"], heads, c["depth"], c["feedForward"]))
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    torch.save(model.state_dict(), folder / f"head{i}.pth")
    x = torch.randn(batch, tokens, c["dim"])
    model.train()
    with torch.no_grad():
        expected = {"tokens": x, "logits": model(x)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=c["learningRate"], betas=(c["beta1"], 0.999), weight_decay=c["weightDecay"])
    c["losses"] = []
    for step in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), torch.tensor(c["labels"]))
        loss.backward()
        if step == 0:
            expected |= {f"grad.{name}": p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
        c["losses"].append(loss.item())
    with torch.no_grad():
        expected |= {f"after3.{name}": p.detach() for name, p in model.named_parameters()}
        expected["logits3"] = model(x)
    save_file(expected, folder / f"head{i}.expected.safetensors")
    return c


cases = {"clip": [clip_case(i) for i in range(6)], "head": [head_case(i) for i in range(6)]}
(folder / "cases.json").write_text(json.dumps(cases))
print("torch", torch.__version__, "open_clip", open_clip.__version__)
