"""Exports a CLIP vision tower as ONNX, pixels to tokens, at one batch size.

usage: export_onnx.py WEIGHTS BATCH OUT     needs: torch open_clip_torch safetensors onnx onnxscript
WEIGHTS is the ViT-B/16 of a safetensors file with open_clip's names; OUT takes `pixels` [B, 3, 224, 224], CLIP-normalised, and gives
`tokens` [B, 197, 768] after the last layer norm, float32 both.
"""
import logging
import sys
import warnings

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")
import open_clip
import torch
from safetensors.torch import load_file

from at_best import Tokens

weights, batch, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tower = Tokens(open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).visual.eval())
state = {key.removeprefix("visual."): value for key, value in load_file(weights).items()}
tower.visual.load_state_dict(state, strict=True)
with torch.no_grad():
    torch.onnx.export(
        tower, (torch.zeros(batch, 3, 224, 224),), out, dynamo=True, external_data=False, verbose=False,
        input_names=["pixels"], output_names=["tokens"],
    )
