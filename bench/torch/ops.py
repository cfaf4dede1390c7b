#!/usr/bin/env python3
"""Times PyTorch at the shapes of this engine's ops, on the same values.

    AuralSam2.Bench ops --device cuda --json ops.json
    python3 bench/torch/ops.py ops.json torch.json

Every op is written as a PyTorch user would write it for speed: float32 with TF32 off, inference mode, fused attention, channels-last
convolutions. Where there are several good ways, they are timed in turns and the fastest counts. Operands have the values of this engine's
(by rule from their names), so results are compared as well; as there, calls go through several sets of operands in turn, so that none finds
its operands in the cache.
"""

import argparse
import json
import re
import statistics
import sys
import time

import torch
import torch.nn.functional as F

WARMUPS = 3
ROUNDS = 7
ROUND_SECONDS = 5e-3
EPSILON = 1e-6
WAYS = {}


def way(op, name="eager"):
    """Registers one way to write an op: a function of the operands by name and of the case's label."""

    def register(function):
        WAYS.setdefault(op, {})[name] = function
        return function

    return register


def numbers(pattern, label):
    """Groups of a pattern in a label, as numbers."""
    found = re.search(pattern, label)
    if not found:
        raise ValueError(f"this peer does not understand '{label}'")
    return [float(g) if "." in g else int(g) for g in found.groups()]


def activate(x, label):
    """The activation that a label names."""
    if "Gelu" in label:
        return F.gelu(x)
    if "Relu" in label:
        return F.relu(x)
    return torch.sigmoid(x) if "Sigmoid" in label else x


def repeated(residual, rows):
    """A residual whose rows repeat."""
    return residual if residual.shape[0] == rows else residual.repeat(rows // residual.shape[0], 1)


def images(x):
    """Channel-last images as PyTorch sees them: [n, c, h, w] over the same memory."""
    return (x if x.dim() == 4 else x[None]).permute(0, 3, 1, 2)


def channel_last(x, like):
    """And back."""
    x = x.permute(0, 2, 3, 1)
    return x if like.dim() == 4 else x[0]


@way("Gemm")
def gemm(t, label):
    x = t["x"]
    if "norm weight" in t:
        x = F.layer_norm(x, x.shape[-1:], t["norm weight"], t["norm bias"], EPSILON)
    y = F.linear(x, t["weight"], t.get("bias"))
    if "onto y" in label:
        y = y + t["y"]
    elif "residual" in t:
        y = y + repeated(t["residual"], y.shape[0])
    return activate(y, label)


@way("FeedForward")
def feed_forward(t, label):
    x = t["x"]
    if "attention" in t:
        x = x + F.linear(t["attention"], t["projection weight"], t["projection bias"])
    wide = F.linear(F.layer_norm(x, x.shape[-1:], t["norm weight"], t["norm bias"], EPSILON), t["expand weight"], t["expand bias"])
    return x + F.linear(activate(wide, label), t["contract weight"], t["contract bias"])


@way("Attention")
def attention(t, label):
    (heads,) = numbers(r"(\d+) heads of", label)

    def split(x):
        x = x if x.dim() == 3 else x[None]
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    y = F.scaled_dot_product_attention(split(t["q"]), split(t["k"]), split(t["v"]))
    return y.transpose(1, 2).flatten(2)


@way("WindowAttention")
def window_attention(t, label):
    height, width, window, heads, channels = numbers(r"(\d+)x(\d+), window (\d+), (\d+) heads of (\d+)", label)
    channels *= heads
    down, across = -(-height // window), -(-width // window)
    qkv = t["qkv"].view(height, width, -1)
    if (down * window, across * window) != (height, width):
        padded = t["padding"].expand(down * window, across * window, -1).clone()
        padded[:height, :width] = qkv
        qkv = padded
    # [windows, window * window, 3, heads, channels of a head]
    qkv = qkv.view(down, window, across, window, 3 * channels).transpose(1, 2).reshape(down * across, window * window, 3, heads, -1)
    q, k, v = qkv.unbind(2)
    side = window
    if "q-pool" in label:
        side = window // 2
        q = q.reshape(down * across, window, window, channels).permute(0, 3, 1, 2)
        q = F.max_pool2d(q, 2).permute(0, 2, 3, 1).reshape(down * across, side * side, heads, -1)
        height, width = height // 2, width // 2
    y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)
    y = y.reshape(down, across, side, side, channels).transpose(1, 2).reshape(down * side, across * side, channels)
    return y[:height, :width]


@way("DotProductFusion", "scores first")
def dot_product_fusion(t, label):
    queries, keys = numbers(r"(\d+) queries, (\d+) keys", label)
    return (t["q"] @ t["k"].T) * (1 / max(queries, keys)) @ t["v"]


@way("DotProductFusion", "keys times values first")
def dot_product_fusion_reassociated(t, label):
    queries, keys = numbers(r"(\d+) queries, (\d+) keys", label)
    return t["q"] @ (t["k"].T @ t["v"] * (1 / max(queries, keys)))


@way("LayerNorm")
def layer_norm(t, label):
    x = t["x"] + t["add"] if "add" in t else t["x"]
    return activate(F.layer_norm(x, x.shape[-1:], t["weight"], t["bias"], EPSILON), label)


@way("Elementwise")
def elementwise(t, label):
    if label.startswith("Add"):
        (scale,) = numbers(r"\+ (-?[\d.]+) \*", label)
        return torch.add(t["a"], repeated(t["b"], t["a"].shape[0]), alpha=scale)
    if label.startswith("Map"):
        scale, shift = numbers(r"\((-?[\d.]+) x \+ (-?[\d.]+)\)", label)
        x = t["x"] if scale == 1 else t["x"] * scale
        return activate(x if shift == 0 else x + shift, label)
    return torch.where(t["x"] > 0.25, 10.0, -10.0)


def convolve(t, label, form):
    """A convolution in one memory format; weights are laid out beforehand, by the caller."""
    stride, padding = numbers(r"stride (\d+) padding (\d+)", label)
    y = F.conv2d(images(t["x"]).contiguous(memory_format=form), t["weight"], t.get("bias"), stride=stride, padding=padding)
    if "residual" in t:
        y = y + images(t["residual"])
    return channel_last(activate(y, label), t["x"])


@way("Conv2d", "channels-last")
def conv2d_channels_last(t, label):
    return convolve({**t, "weight": t["weight channels-last"]}, label, torch.channels_last)


@way("Conv2d", "channels-first")
def conv2d_channels_first(t, label):
    return convolve(t, label, torch.contiguous_format)


@way("DepthwiseConv2d", "channels-last")
def depthwise_channels_last(t, label):
    (kernel,) = numbers(r"kernel (\d+)", label)
    x = images(t["x"])
    y = F.conv2d(x, t["weight"][:, None], t["bias"], padding=kernel // 2, groups=x.shape[1])
    return channel_last(activate(y, label), t["x"])


@way("DepthwiseConv2d", "channels-first")
def depthwise_channels_first(t, label):
    (kernel,) = numbers(r"kernel (\d+)", label)
    x = images(t["x"]).contiguous()
    y = F.conv2d(x, t["weight"][:, None], t["bias"], padding=kernel // 2, groups=x.shape[1])
    return channel_last(activate(y, label), t["x"])


@way("ConvTranspose2x2")
def conv_transpose(t, label):
    y = F.conv_transpose2d(images(t["x"]), t["weight"], t["bias"], stride=2)
    if "residual" in t:
        y = y + images(t["residual"])
    return channel_last(activate(y, label), t["x"])


@way("MaxPool2x2")
def max_pool(t, label):
    return channel_last(F.max_pool2d(images(t["x"]), 2), t["x"])


@way("Upsample2x")
def upsample(t, label):
    return t["y"] + channel_last(F.interpolate(images(t["x"]), scale_factor=2, mode="nearest"), t["x"])


@way("Transpose")
def transpose(t, label):
    return t["x"].transpose(-1, -2).contiguous()


@way("Rope")
def rope(t, label):
    turned, rows, channels, edge, _ = numbers(r"(\d+) of (\d+) rows of (\d+) on (\d+)x(\d+)", label)
    x = torch.view_as_complex(t["x"].unflatten(-1, (-1, 2)))
    angles = t["table"]  # [edge * edge, channels / 2]
    whole, rest = divmod(turned, edge * edge)
    parts = [torch.view_as_real(x[i * edge * edge : (i + 1) * edge * edge] * angles).flatten(-2) for i in range(whole)]
    if rest:
        parts.append(torch.view_as_real(x[turned - rest : turned] * angles[:rest]).flatten(-2))
    return torch.cat([*parts, t["x"][turned:]]) if len(parts) > 1 or turned < rows else parts[0]


@way("L2Normalize")
def l2_normalize(t, label):
    return F.normalize(t["x"], dim=-1)


@way("MaskProduct")
def mask_product(t, label):
    return t["tokens"] @ t["pixels"].T


@way("Select")
def select(t, label):
    if "where" in label:
        return torch.where(t["condition"] > 0, t["a"], t["b"])
    (first,) = numbers(r"from (\d+)", label)
    best = first + t["scores"][0, first:].argmax()
    y = t["table"].index_select(0, best[None])
    return (y, best.float()) if "index" in label else y


@way("Resize")
def resize(t, label):
    mode = label.split()[0]
    size = [int(n) for n in label.split("-> ")[1].split("x")]
    x = t["x"] if t["x"].dim() == 3 else t["x"][None]
    name = "nearest" if mode == "Nearest" else "bicubic" if mode == "Bicubic" else "bilinear"
    corners = {} if name == "nearest" else {"align_corners": False}
    return F.interpolate(x[None], size=size, mode=name, antialias="Antialiased" in mode, **corners)[0]


def unit(name, count, device):
    """The rule of this project's tensors: splitmix64 started at the FNV-1a hash of the name; values in [0, 1)."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64

    def signed(value):
        return value - 2**64 if value >= 2**63 else value

    def shifted(z, bits):
        return (z >> bits) & (2 ** (64 - bits) - 1)  # integers of PyTorch have a sign

    z = torch.arange(count, dtype=torch.int64, device=device) * signed(0x9E3779B97F4A7C15) + signed(h)
    z = (z ^ shifted(z, 30)) * signed(0xBF58476D1CE4E5B9)
    z = (z ^ shifted(z, 27)) * signed(0x94D049BB133111EB)
    z = z ^ shifted(z, 31)
    return shifted(z, 40).double() / 2**24


def operands(case, device):
    """One set of operands by name; strided rows are slices of wider tensors, as in this engine."""
    made = {}
    for o in case["operands"]:
        if o["role"] == "Output":
            continue
        shape = o["shape"]
        count = torch.Size(shape).numel()
        values = (o["offset"] + (2 * unit(o["name"], count, device) - 1) * o["scale"]).float().view(shape)
        if o["row_gap"]:
            wide = torch.zeros([*shape[:-1], shape[-1] + o["row_gap"]], device=device)
            wide[..., : shape[-1]] = values
            values = wide[..., : shape[-1]]
        made[o["name"]] = values
    if case["op"] == "Conv2d":
        made["weight channels-last"] = made["weight"].contiguous(memory_format=torch.channels_last)
    if case["op"] == "Rope":
        *_, channels, edge, _ = numbers(r"(\d+) of (\d+) rows of (\d+) on (\d+)x(\d+)", case["label"])
        frequencies = 10000 ** (-4 * torch.arange(channels // 4, device=device) / channels)
        at = torch.arange(edge * edge, device=device)
        angles = torch.cat([(at % edge)[:, None] * frequencies, (at // edge)[:, None] * frequencies], -1)
        made["table"] = torch.polar(torch.ones_like(angles), angles)
    return made


def difference(results, expected, device):
    """How far results are from this engine's, relative to their norm: about 1 for other results, rounding errors for the same ones."""
    total = 0.0
    for result in results:
        factors = (2 * unit("checksum", result.numel(), device) - 1).float()
        total += (result.reshape(-1).double() * factors).sum().item()
    return abs(total - expected["sum"]) / max(expected["norm"], 1e-30)


class Clock:
    """Seconds of a call over many calls: by events on a GPU, by the clock on a processor."""

    def __init__(self, device):
        self.cuda = device.type == "cuda"

    def measure(self, call, sets, count):
        if not self.cuda:
            start = time.perf_counter()
            for i in range(count):
                call(sets[i % len(sets)])
            return (time.perf_counter() - start) / count
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        start.record()
        for i in range(count):
            call(sets[i % len(sets)])
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / count


def run(case, device):
    """Times the ways of one case in turns."""
    row = {"op": case["op"], "label": case["label"]}
    if case["op"] not in WAYS:
        return {**row, "error": "no counterpart"}
    clock = Clock(device)
    first = operands(case, device)
    sets = [first, *({n: v.clone(memory_format=torch.preserve_format) for n, v in first.items()} for _ in range(case["sets"] - 1))]
    calls, apart, times = {}, {}, {}
    for name, function in WAYS[case["op"]].items():
        calls[name] = lambda t, f=function: f(t, case["label"])
        result = calls[name](first)
        apart[name] = difference(result if isinstance(result, tuple) else (result,), case["result"], device)
        for _ in range(WARMUPS):
            clock.measure(calls[name], sets, len(sets))
        times[name] = []
    longest = max(clock.measure(c, sets, len(sets)) for c in calls.values())
    count = -(-max(1, min(10_000, round(ROUND_SECONDS / max(longest, 1e-9)))) // len(sets)) * len(sets)
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(clock.measure(call, sets, count))
    best = min(times, key=lambda name: statistics.median(times[name]))
    return {
        **row,
        "ms": 1e3 * statistics.median(times[best]),
        "how": best,
        "difference": apart[best],
        "all_ms": {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()},
    }


def start(name):
    """Opens a device in full float32 precision, and begins a report."""
    if not hasattr(F, "scaled_dot_product_attention"):
        sys.exit(f"PyTorch {torch.__version__} is too old: 2.0 has fused attention")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    device = torch.device(name)
    told = torch.cuda.get_device_name(device) if device.type == "cuda" else name
    return device, {"torch": torch.__version__, "cuda": torch.version.cuda, "device": told, "cases": []}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ops", help="what `bench ops --json` wrote")
    parser.add_argument("out", help="file that receives the times as JSON")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    device, report = start(arguments.device)
    with open(arguments.ops, encoding="utf-8") as file:
        cases = [c for c in json.load(file)["cases"] if "ms" in c]
    with torch.inference_mode():
        for case in cases:
            try:
                row = run(case, device)
            except Exception as error:  # the others are worth having all the same
                row = {"op": case["op"], "label": case["label"], "error": f"{type(error).__name__}: {error}".splitlines()[0]}
            report["cases"].append(row)
            told = f"{row['ms']:10.4f} ms, {row['how']}, difference {row['difference']:.1e}" if "ms" in row else row["error"]
            print(f"{row['op']:18}{row['label']:62}{told}", flush=True)
            # After every case: should time run out, what there is remains.
            with open(arguments.out, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
