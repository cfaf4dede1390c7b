using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// Ops on images. This engine's maps are channel-last, which PyTorch sees as [n, c, h, w] over the same memory; a way that is written
/// channels-first gets its maps in that layout beforehand, as a program would hold them that works so throughout.
/// </summary>
internal static partial class TorchOps
{
    /// <summary>[h, w, c] or [n, h, w, c] as [n, c, h, w] over the same memory.</summary>
    private static Tensor Images(Tensor x) => (x.dim() == 4 ? x : x.unsqueeze(0)).permute(0, 3, 1, 2);

    /// <summary>And back.</summary>
    private static Tensor ChannelLast(Tensor x) => x.permute(0, 2, 3, 1);

    private static Tensor FirstCopy(PeerOperands t, string name) => t.Keep(Images(t[name]).contiguous());

    private static Tensor? FirstCopyIfAny(PeerOperands t, string name) => t.Find(name) is null ? null : FirstCopy(t, name);

    private static IEnumerable<BoundWay> Conv2d(PeerOperands t)
    {
        var n = t.Integers(@"stride (\d+) padding (\d+)");
        var weight = t.Keep(t["weight"].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2));
        yield return Way("channels-last", Images(t["x"]), weight, t.Find("residual") is { } residual ? Images(residual) : null);
        yield return Way("channels-first", FirstCopy(t, "x"), t["weight"], FirstCopyIfAny(t, "residual"));

        BoundWay Way(string name, Tensor x, Tensor w, Tensor? added)
        {
            x = t.Keep(x);
            if (added is not null) added = t.Keep(added);
            return new(
                name,
                () =>
                {
                    var y = F.conv2d(x, w, t.Find("bias"), strides: [n[0], n[0]], padding: [n[1], n[1]]);
                    return Activate(added is null ? y : y.add_(added), t.Label);
                },
                ChannelLast);
        }
    }

    private static IEnumerable<BoundWay> DepthwiseConv2d(PeerOperands t)
    {
        var half = t.Integers(@"kernel (\d+)")[0] / 2;
        var weight = t.Keep(t["weight"].unsqueeze(1));
        yield return Way("channels-last", t.Keep(Images(t["x"])));
        yield return Way("channels-first", FirstCopy(t, "x"));

        BoundWay Way(string name, Tensor x) => new(
            name, () => Activate(F.conv2d(x, weight, t["bias"], padding: [half, half], groups: x.shape[1]), t.Label), ChannelLast);
    }

    private static IEnumerable<BoundWay> ConvTranspose2x2(PeerOperands t)
    {
        yield return Way("channels-last", t.Keep(Images(t["x"])), t.Find("residual") is { } residual ? t.Keep(Images(residual)) : null);
        yield return Way("channels-first", FirstCopy(t, "x"), FirstCopyIfAny(t, "residual"));

        BoundWay Way(string name, Tensor x, Tensor? added) => new(
            name,
            () =>
            {
                var y = F.conv_transpose2d(x, t["weight"], t["bias"], strides: [2, 2]);
                return Activate(added is null ? y : y.add_(added), t.Label);
            },
            ChannelLast);
    }

    private static IEnumerable<BoundWay> MaxPool2x2(PeerOperands t)
    {
        yield return Way("channels-last", t.Keep(Images(t["x"])));
        yield return Way("channels-first", FirstCopy(t, "x"));

        static BoundWay Way(string name, Tensor x) => new(name, () => F.max_pool2d(x, [2, 2], [2, 2]), ChannelLast);
    }

    private static IEnumerable<BoundWay> Upsample2x(PeerOperands t)
    {
        var (x, y) = (t["x"], t["y"]);
        var (height, width, channels) = (x.shape[0], x.shape[1], x.shape[2]);
        yield return new("sum of views", () =>
        {
            y.view(height, 2, width, 2, channels).add_(x.view(height, 1, width, 1, channels));
            return y;
        });
        yield return new("interpolate", () => y.add_(ChannelLast(F.interpolate(Images(x), scale_factor: [2, 2], mode: InterpolationMode.Nearest))[0]));
    }

    private static IEnumerable<BoundWay> Transpose(PeerOperands t)
    {
        yield return new("contiguous", () => t["x"].transpose(-1, -2).contiguous());
    }

    private static IEnumerable<BoundWay> Resize(PeerOperands t)
    {
        var size = t.Integers(@"-> (\d+)x(\d+)").Select(n => (long)n).ToArray();
        var x = t.Keep(t["x"].dim() == 3 ? t["x"].unsqueeze(0) : t["x"].unsqueeze(0).unsqueeze(0));
        var mode = t.Label.Split(' ')[0];
        yield return new("interpolate", () => mode switch
        {
            "Nearest" => F.interpolate(x, size, mode: InterpolationMode.Nearest),
            "Bicubic" => F.interpolate(x, size, mode: InterpolationMode.Bicubic, align_corners: false),
            _ => F.interpolate(x, size, mode: InterpolationMode.Bilinear, align_corners: false, antialias: mode == "BilinearAntialiased"),
        });
    }

    private static IEnumerable<BoundWay> Elementwise(PeerOperands t)
    {
        switch (t.Label.Split(' ')[0])
        {
            case "Add":
                var scale = t.Numbers(@"\+ (-?[\d.]+) \*")[0];
                Tensor a = t["a"], b = t["b"];
                var repeats = a.shape[0] / b.shape[0];
                yield return new("add", () => repeats == 1
                    ? a.add(b, scale)
                    : a.view(repeats, b.shape[0], a.shape[1]).add(b, scale));
                break;
            case "Map":
                var n = t.Numbers(@"\((-?[\d.]+) x \+ (-?[\d.]+)\)");
                yield return new("out of place, then in place", () =>
                {
                    var y = n[0] == 1 ? t["x"].add(n[1]) : t["x"].mul(n[0]);
                    return Activate(n[0] == 1 || n[1] == 0 ? y : y.add_(n[1]), t.Label);
                });
                break;
            default: // Threshold
                Tensor high = t.Keep(tensor(10f)), low = t.Keep(tensor(-10f));
                yield return new("where", () => where(t["x"] > 0.25, high, low));
                yield return new("arithmetic", () => t["x"].gt(0.25).to(ScalarType.Float32).mul_(20).sub_(10));
                break;
        }
    }

    private static IEnumerable<BoundWay> Select(PeerOperands t)
    {
        if (t.Label.Contains("where", StringComparison.Ordinal))
        {
            yield return new("where", () => where(t["condition"] > 0, t["a"], t["b"]));
            yield return new("branch", () => (t["condition"].item<float>() > 0 ? t["a"] : t["b"]).clone());
            yield break;
        }

        var first = t.Integers(@"from (\d+)")[0];
        yield return new("index_select", () => t["table"].index_select(0, Best().unsqueeze(0)));
        yield return new("copy of a view", () => t["table"][Best().item<long>()].clone());

        Tensor Best() => t["scores"][0].narrow(0, first, t["scores"].shape[1] - first).argmax() + first;
    }
}
