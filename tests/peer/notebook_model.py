"""The reference notebook's modules, with its fixed sizes as arguments. Needs: torch."""
import torch
import torch.nn as nn


class WSGM(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.guidance = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens):
        return self.norm(tokens + self.guidance(tokens))


class FAFormer(nn.Module):
    def __init__(self, dim, heads, depth, feed_forward):
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.TransformerEncoderLayer(d_model=dim, nhead=heads, dim_feedforward=feed_forward, batch_first=True) for _ in range(depth)]
        )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def pooled(tokens):
    return tokens[:, 0] + tokens[:, 1:].mean(dim=1)


class CLIPFeatureExtractor(nn.Module):
    """`attend_across="batch"` is the notebook's: it permutes before blocks that are batch-first."""

    def __init__(self, clip, attend_across):
        super().__init__()
        self.clip = clip
        self.attend_across = attend_across

    def forward(self, x):
        visual = self.clip.visual
        x = visual.conv1(x)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        x = torch.cat([visual.class_embedding.expand(x.shape[0], 1, -1), x], dim=1)
        x = visual.ln_pre(x + visual.positional_embedding)
        swap = self.attend_across == "batch"
        x = x.permute(1, 0, 2) if swap else x
        for block in visual.transformer.resblocks:
            x = block(x)
        x = x.permute(1, 0, 2) if swap else x
        return visual.ln_post(x)


class ForgeLens(nn.Module):
    """The whole model, images to logits."""

    def __init__(self, clip, heads, depth, feed_forward, attend_across):
        super().__init__()
        dim = clip.visual.transformer.width
        self.extractor = CLIPFeatureExtractor(clip, attend_across)
        self.wsgm = WSGM(dim)
        self.faformer = FAFormer(dim, heads, depth, feed_forward)
        self.cls_head = nn.Linear(dim, 2)

    def forward(self, x):
        return self.cls_head(pooled(self.faformer(self.wsgm(self.extractor(x)))))
