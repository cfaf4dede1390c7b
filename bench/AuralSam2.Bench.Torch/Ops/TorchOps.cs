using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// Every op as a TorchSharp user would write it for speed: fused attention, sums and activations in place, weights laid out beforehand,
/// nothing copied without need. Where there are several good ways, all of them are here and the fastest counts.
/// </summary>
internal static partial class TorchOps
{
    private const double Epsilon = 1e-6;

    /// <summary>The good ways to write an op on these operands.</summary>
    /// <exception cref="NotSupportedException">The op has no counterpart.</exception>
    public static IReadOnlyList<BoundWay> Ways(string op, PeerOperands t) => [.. op switch
    {
        "Gemm" => Gemm(t),
        "FeedForward" => FeedForward(t),
        "Attention" => Attention(t),
        "WindowAttention" => WindowAttention(t),
        "DotProductFusion" => DotProductFusion(t),
        "LayerNorm" => LayerNorm(t),
        "Elementwise" => Elementwise(t),
        "Conv2d" => Conv2d(t),
        "DepthwiseConv2d" => DepthwiseConv2d(t),
        "ConvTranspose2x2" => ConvTranspose2x2(t),
        "MaxPool2x2" => MaxPool2x2(t),
        "Upsample2x" => Upsample2x(t),
        "Transpose" => Transpose(t),
        "Rope" => Rope(t),
        "L2Normalize" => L2Normalize(t),
        "MaskProduct" => MaskProduct(t),
        "Select" => Select(t),
        "Resize" => Resize(t),
        "LogMel" => LogMel(t),
        _ => throw new NotSupportedException($"{op} has no counterpart"),
    }];

    /// <summary>The activation that the label names, in place.</summary>
    private static Tensor Activate(Tensor x, string label) =>
        label.Contains("Gelu", StringComparison.Ordinal) ? x.gelu_()
        : label.Contains("Relu", StringComparison.Ordinal) ? x.relu_()
        : label.Contains("Sigmoid", StringComparison.Ordinal) ? x.sigmoid_() : x;

    /// <summary>Adds rows that may repeat, in place.</summary>
    private static Tensor AddRepeated(Tensor x, Tensor rows, double alpha = 1)
    {
        if (rows.shape[0] == x.shape[0]) return x.add_(rows, alpha);
        x.view(x.shape[0] / rows.shape[0], rows.shape[0], x.shape[1]).add_(rows, alpha);
        return x;
    }

    private static IEnumerable<BoundWay> Gemm(PeerOperands t)
    {
        var (x, weight, bias) = (t["x"], t["weight"], t.Find("bias"));
        var transposed = t.Keep(weight.t().contiguous());
        yield return new("linear", () => After(F.linear(Normed(), weight, bias)));
        yield return new("weight transposed beforehand", () => After(bias is null ? mm(Normed(), transposed) : addmm(bias, Normed(), transposed, 1, 1)));

        Tensor Normed() => t.Find("norm weight") is { } norm ? F.layer_norm(x, [x.shape[^1]], norm, t["norm bias"], Epsilon) : x;

        Tensor After(Tensor y) => Activate((t.Find("y") ?? t.Find("residual")) is { } residual ? AddRepeated(y, residual) : y, t.Label);
    }

    private static IEnumerable<BoundWay> FeedForward(PeerOperands t)
    {
        var x = t["x"];
        yield return new("linear", () =>
        {
            if (t.Find("attention") is { } attention) x.add_(F.linear(attention, t["projection weight"], t["projection bias"]));
            var normed = F.layer_norm(x, [x.shape[^1]], t["norm weight"], t["norm bias"], Epsilon);
            var hidden = Activate(F.linear(normed, t["expand weight"], t["expand bias"]), t.Label);
            return x.add_(F.linear(hidden, t["contract weight"], t["contract bias"]));
        });
        Tensor expand = t.Keep(t["expand weight"].t().contiguous()), contract = t.Keep(t["contract weight"].t().contiguous());
        var projection = t.Find("projection weight") is { } weight ? t.Keep(weight.t().contiguous()) : null;
        yield return new("weights transposed beforehand", () =>
        {
            if (projection is not null) x.add_(addmm(t["projection bias"], t["attention"], projection, 1, 1));
            var normed = F.layer_norm(x, [x.shape[^1]], t["norm weight"], t["norm bias"], Epsilon);
            var hidden = Activate(addmm(t["expand bias"], normed, expand, 1, 1), t.Label);
            return x.add_(addmm(t["contract bias"], hidden, contract, 1, 1));
        });
    }

    private static IEnumerable<BoundWay> Attention(PeerOperands t)
    {
        var heads = t.Integers(@"(\d+) heads of")[0];
        yield return new("scaled_dot_product_attention", () =>
            F.scaled_dot_product_attention(Split(t["q"]), Split(t["k"]), Split(t["v"])).transpose(1, 2).flatten(2));
        long width = t["q"].shape[^1] / heads, valueWidth = t["v"].shape[^1] / heads;
        if (valueWidth < width)
        {
            // On a processor PyTorch's fused kernel wants all three of one width.
            yield return new("values padded to the width of keys", () =>
            {
                var padded = F.pad(Split(t["v"]), [0, width - valueWidth]);
                var y = F.scaled_dot_product_attention(Split(t["q"]), Split(t["k"]), padded);
                return y.narrow(-1, 0, valueWidth).transpose(1, 2).flatten(2);
            });
        }

        Tensor Split(Tensor x)
        {
            x = x.dim() == 3 ? x : x.unsqueeze(0);
            return x.unflatten(x.dim() - 1, [heads, x.shape[^1] / heads]).transpose(1, 2);
        }
    }

    private static IEnumerable<BoundWay> WindowAttention(PeerOperands t)
    {
        yield return new("scaled_dot_product_attention", () =>
        {
            var n = t.Integers(@"(\d+)x(\d+), window (\d+), (\d+) heads of (\d+)");
            var (height, width, window, heads, dim) = (n[0], n[1], n[2], n[3], n[4]);
            var channels = heads * dim;
            int down = (height + window - 1) / window, across = (width + window - 1) / window;
            var qkv = t["qkv"].view(height, width, 3 * channels);
            if (down * window != height || across * window != width)
            {
                var padded = t["padding"].expand(down * window, across * window, 3 * channels).clone();
                padded.narrow(0, 0, height).narrow(1, 0, width).copy_(qkv);
                qkv = padded;
            }

            var parts = qkv.view(down, window, across, window, 3 * channels).transpose(1, 2)
                .reshape(down * across, window * window, 3, heads, dim).unbind(2);
            var (q, side) = (parts[0], window);
            if (t.Label.Contains("q-pool", StringComparison.Ordinal))
            {
                side = window / 2;
                q = q.reshape(down * across, window, window, channels).permute(0, 3, 1, 2);
                q = F.max_pool2d(q, [2, 2], [2, 2]).permute(0, 2, 3, 1).reshape(down * across, side * side, heads, dim);
                (height, width) = (height / 2, width / 2);
            }

            var y = F.scaled_dot_product_attention(q.transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2)).transpose(1, 2);
            y = y.reshape(down, across, side, side, channels).transpose(1, 2).reshape(down * side, across * side, channels);
            return y.narrow(0, 0, height).narrow(1, 0, width);
        });
    }

    private static IEnumerable<BoundWay> DotProductFusion(PeerOperands t)
    {
        var n = t.Integers(@"(\d+) queries, (\d+) keys");
        var scale = 1.0 / Math.Max(n[0], n[1]);
        yield return new("scores first", () => mm(mm(t["q"], t["k"].t()).mul_(scale), t["v"]));
        yield return new("keys times values first", () => mm(t["q"], mm(t["k"].t(), t["v"]).mul_(scale)));
    }

    private static IEnumerable<BoundWay> LayerNorm(PeerOperands t)
    {
        yield return new("layer_norm", () =>
        {
            var x = t.Find("add") is { } add ? t["x"] + add : t["x"];
            return Activate(F.layer_norm(x, [x.shape[^1]], t["weight"], t["bias"], Epsilon), t.Label);
        });
    }

    private static IEnumerable<BoundWay> MaskProduct(PeerOperands t)
    {
        yield return new("linear", () => F.linear(t["tokens"], t["pixels"]));
        yield return new("pixels first", () => F.linear(t["pixels"], t["tokens"]).t().contiguous());
    }

    private static IEnumerable<BoundWay> L2Normalize(PeerOperands t)
    {
        yield return new("normalize", () => F.normalize(t["x"], 2, -1, 1e-12));
        yield return new("norm, then division", () => t["x"].div(linalg.vector_norm(t["x"], 2, [-1], true).clamp_min_(1e-12)));
    }

    private static IEnumerable<BoundWay> Rope(PeerOperands t)
    {
        var n = t.Integers(@"(\d+) of (\d+) rows of (\d+) on (\d+)x");
        var (turned, channels, edge) = (n[0], n[2], n[3]);
        var cells = edge * edge;
        var frequencies = pow(10000.0, arange(channels / 4, dtype: ScalarType.Float32) * (-4.0 / channels));
        var at = arange(cells, dtype: ScalarType.Int64);
        var across = at.remainder(edge).to(ScalarType.Float32).unsqueeze(1) * frequencies;
        var down = at.div(edge, RoundingMode.floor).to(ScalarType.Float32).unsqueeze(1) * frequencies;
        var angles = cat([across, down], -1);
        var turns = t.Keep(polar(ones_like(angles), angles)); // [cells, channels / 2], complex
        yield return new("complex, in place", () =>
        {
            var whole = turned / cells * cells;
            Complex(t["x"].narrow(0, 0, whole)).view(-1, cells, channels / 2).mul_(turns);
            if (turned > whole) Complex(t["x"].narrow(0, whole, turned - whole)).mul_(turns.narrow(0, 0, turned - whole));
            return t["x"];
        });

        Tensor Complex(Tensor x) => view_as_complex(x.unflatten(x.dim() - 1, [channels / 2, 2]));
    }

    private static IEnumerable<BoundWay> LogMel(PeerOperands t)
    {
        const int frame = 400, hop = 160, transform = 512, bins = 257, bands = 64;
        var window = t.Keep(hann_window(frame, periodic: true));
        var filters = new float[bins * bands];
        double low = Mel(125), step = (Mel(7500) - low) / (bands + 1);
        for (var bin = 1; bin < bins; bin++)
        {
            for (var band = 0; band < bands; band++)
            {
                var position = (Mel(bin * 16000.0 / transform) - low) / step;
                filters[(bin * bands) + band] = (float)Math.Max(0, Math.Min(position - band, band + 2 - position));
            }
        }

        var mel = t.Keep(tensor(filters, [bins, bands]));
        yield return new("rfft, float32", () => mm(fft.rfft(t["samples"].unfold(0, frame, hop) * window, transform).abs(), mel).add_(0.01).log_());

        static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));
    }
}
