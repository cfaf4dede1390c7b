#!/usr/bin/env python3
"""Times SAM2's image trunks in PyTorch, with the weights and the image that this engine's `bench parts` had.

    AuralSam2.Bench parts --device cuda --json parts.json
    python3 bench/torch/trunks.py parts.json torch-trunks.json

Hiera as in SAM2's own code, written for speed: inference mode, fused attention, in-place sums, position embedding computed once; float32 with
TF32 off. The feature maps are compared with this engine's.
"""

import argparse
import json
import math
import statistics

import torch
import torch.nn.functional as F

from ops import EPSILON, Clock, difference, start, unit

PREFIX = "image_encoder.trunk."
ROUNDS = 15
WARMUPS = 3
# channels and heads of the first stage, blocks, window sides, global blocks, side of the position embedding, image size
TRUNKS = {
    "mini": (16, 1, [1, 2, 3, 1], [8, 4, 14, 7], [4], 7, 128),
    "t": (96, 1, [1, 2, 7, 2], [8, 4, 14, 7], [5, 7, 9], 7, 1024),
    "s": (96, 1, [1, 2, 11, 2], [8, 4, 14, 7], [7, 10, 13], 7, 1024),
    "b+": (112, 2, [2, 3, 16, 3], [8, 4, 14, 7], [12, 16, 20], 14, 1024),
    "l": (144, 2, [2, 6, 36, 4], [8, 4, 16, 8], [23, 33, 43], 7, 1024),
}


class Parameters:
    """Weights by rule from their official names."""

    def __init__(self, device):
        self.device = device

    def uniform(self, name, offset, scale, *shape):
        values = unit(name, math.prod(shape), self.device)
        return (offset + (2 * values - 1) * scale).float().view(shape)

    def __call__(self, name, *shape):
        name = PREFIX + name
        if name.endswith(("pos_embed", "pos_embed_window")):
            return self.uniform(name, 0, 0.5, *shape)
        if len(shape) > 1:
            return self.uniform(name, 0, math.sqrt(3 / math.prod(shape[1:])), *shape)
        return self.uniform(name, 1, 0.1, *shape) if name.endswith(".weight") else self.uniform(name, 0, 0.02, *shape)


def halved(x):
    """2 x 2 maxima of [n, h, w, c]."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


class Block:
    """One block: attention in windows or over the whole grid, then the MLP."""

    def __init__(self, parameters, name, inputs, outputs, heads, window):
        self.inputs, self.outputs, self.heads, self.window = inputs, outputs, heads, window

        def pair(part, *shape):
            return parameters(f"{name}.{part}.weight", *shape), parameters(f"{name}.{part}.bias", shape[0])

        self.norm1, self.norm2 = pair("norm1", inputs), pair("norm2", outputs)
        self.qkv, self.projection = pair("attn.qkv", 3 * outputs, inputs), pair("attn.proj", outputs, outputs)
        self.expand, self.contract = pair("mlp.layers.0", 4 * outputs, outputs), pair("mlp.layers.1", outputs, 4 * outputs)
        self.shortcut = pair("proj", outputs, inputs) if inputs != outputs else None

    def __call__(self, x):
        normed = F.layer_norm(x, (self.inputs,), *self.norm1, EPSILON)
        shortcut = halved(F.linear(normed, *self.shortcut)) if self.shortcut else x
        x = shortcut + (self.windowed(normed) if self.window else self.attention(normed))
        wide = F.gelu(F.linear(F.layer_norm(x, (self.outputs,), *self.norm2, EPSILON), *self.expand))
        return F.linear(wide, *self.contract).add_(x)

    def windowed(self, x):
        """Windows that the grid does not fill are padded with zeros, which act as keys like any token."""
        side, grid = self.window, x.shape[1]
        count = -(-grid // side)
        pad = count * side - grid
        if pad:
            x = F.pad(x, (0, 0, 0, pad, 0, pad))
        x = x.view(count, side, count, side, self.inputs).transpose(1, 2).reshape(count * count, side, side, self.inputs)
        x = self.attention(x)
        if self.shortcut:
            side, grid = side // 2, grid // 2
        x = x.view(count, count, side, side, self.outputs).transpose(1, 2).reshape(1, count * side, count * side, self.outputs)
        return x[:, :grid, :grid] if pad else x

    def attention(self, x):
        """[windows, side, side, inputs] to [windows, side, side, outputs], or half the side where queries are pooled."""
        windows, side = x.shape[0], x.shape[1]
        q, k, v = F.linear(x, *self.qkv).view(windows, side * side, 3, self.heads, -1).unbind(2)
        if self.shortcut:
            q = halved(q.reshape(windows, side, side, self.outputs))
            side //= 2
            q = q.reshape(windows, side * side, self.heads, -1)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return F.linear(y.transpose(1, 2).reshape(windows, side, side, self.outputs), *self.projection)


class Trunk:
    """A whole trunk: four feature maps, [1, grid, grid, channels] each."""

    def __init__(self, name, device):
        channels, heads, stages, windows, global_blocks, coarse, self.size = TRUNKS[name]
        parameters = Parameters(device)
        self.patch = parameters("patch_embed.proj.weight", channels, 3, 7, 7), parameters("patch_embed.proj.bias", channels)
        grid = self.size // 4
        position = F.interpolate(parameters("pos_embed", 1, channels, coarse, coarse), size=(grid, grid), mode="bicubic", align_corners=False)
        window = parameters("pos_embed_window", 1, channels, windows[0], windows[0])
        position += window.tile(1, 1, grid // windows[0], grid // windows[0])
        self.position = position.permute(0, 2, 3, 1).contiguous()
        self.blocks, self.ends = [], []
        for stage, depth in enumerate(stages):
            for i in range(depth):
                index = len(self.blocks)
                first = stage > 0 and i == 0  # halves the grid, with the windows of the stage before
                side = 0 if index in global_blocks else windows[stage - 1 if first else stage]
                inputs, outputs = channels << (stage - first), channels << stage
                self.blocks.append(Block(parameters, f"blocks.{index}", inputs, outputs, heads << stage, side))
            self.ends.append(len(self.blocks) - 1)
        values = parameters.uniform("input.image", 0, 2, self.size, self.size, 3)
        self.image = values.permute(2, 0, 1)[None]  # channels-last in memory

    def __call__(self, _):
        x = F.conv2d(self.image, *self.patch, stride=4, padding=3).permute(0, 2, 3, 1).contiguous().add_(self.position)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.ends:
                maps.append(x)
        return maps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", help="what `bench parts --json` wrote")
    parser.add_argument("out", help="file that receives the times as JSON")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    device, report = start(arguments.device)
    with open(arguments.parts, encoding="utf-8") as file:
        parts = [p for p in json.load(file)["parts"] if "result" in p]
    clock = Clock(device)
    with torch.inference_mode():
        for part in parts:
            trunk = Trunk(part["name"].split()[-1], device)
            apart = difference(trunk(None), part["result"], device)
            for _ in range(WARMUPS):
                clock.measure(trunk, [None], 1)
            ms = 1e3 * statistics.median(clock.measure(trunk, [None], 1) for _ in range(ROUNDS))
            report["cases"].append({"op": "trunk", "label": part["name"], "ms": ms, "how": "eager", "difference": apart})
            print(f"{part['name']:40}{ms:10.2f} ms, difference {apart:.1e}", flush=True)
            with open(arguments.out, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
