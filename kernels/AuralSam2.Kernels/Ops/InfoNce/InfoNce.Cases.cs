using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Anchors of two or three labels against themselves and others; odd counts and widths; labels that nothing has in common.</summary>
internal static class InfoNceCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(5, 3, 4) with { Tiny = true };
        yield return Of(7, 9, 16, labels: 3) with { Tiny = true };
        yield return Of(2, 2, 3) with { Tiny = true };
        yield return Of(4, 6, 8, supervised: true) with { Tiny = true };
        yield return Of(3, 4, 5, labels: 100) with { Tiny = true }; // anchors without positives
        yield return Of(70, 93, 33, gap: 3);
        yield return Of(130, 97, 16, labels: 3, scale: 2);
        yield return Of(66, 80, 20, supervised: true);
        yield return Of(11520, 11535, 128) with { Real = true }; // all samples of a clip
    }

    private static OpCase Of(int n, int m, int channels, int labels = 2, int gap = 0, double scale = 0.5, bool supervised = false)
    {
        const float temperature = 0.5f;
        var common = Math.Min(n, m / 2); // the first contrasts are anchors: negatives alone, unless all may be both
        float[] anchorMarks = [.. Enumerable.Range(0, n).Select(i => (float)(i % labels)), .. Enumerable.Range(0, n).Select(i => (float)i)];
        float[] contrastMarks =
        [
            .. Enumerable.Range(0, m).Select(j => (float)((j < common ? j : j + 1) % labels)),
            .. Enumerable.Range(0, m).Select(j => (float)(j < common ? j : n + j)),
            .. Enumerable.Range(0, m).Select(j => supervised || j >= common ? 1f : 0f),
            .. Enumerable.Repeat(1f, m),
        ];
        return new OpCase
        {
            Op = "InfoNce",
            Label = $"{n} against {m}x{channels}, {labels} labels{(supervised ? ", SupCon" : "")}{(gap == 0 ? "" : ", strided")}",
            Operands =
            [
                new("anchors", OperandRole.Input, [n, channels], Scale: scale, RowGap: gap),
                new("contrasts", OperandRole.Input, [m, channels], Scale: scale, RowGap: 2 * gap),
                new("loss", OperandRole.InOut, [1]),
            ],
            Flops = 2.0 * n * m * channels,
            Bytes = 4.0 * channels * (n + m),
            Budget = 1e-6,
            Bind = (device, t) =>
            {
                Tensor ofAnchors = device.AllocateTensor(2, n), ofContrasts = device.AllocateTensor(4, m);
                device.Upload(anchorMarks, ofAnchors);
                device.Upload(contrastMarks, ofContrasts);
                var marks = new ContrastMarks(ofAnchors, ofContrasts);
                return new OpCall(
                    () => InfoNce.Forward(device, t[0], t[1], marks, temperature, t[2], supervised), ofAnchors.Buffer, ofContrasts.Buffer);
            },
            Reference = v =>
            {
                double total = 0;
                for (var i = 0; i < n; i++)
                {
                    double S(int j) => ReferenceMath.Dot(v[0].AsSpan(i * channels, channels), v[1].AsSpan(j * channels, channels)) / temperature;
                    bool Same(int j) => anchorMarks[i] == contrastMarks[j];
                    var others = Enumerable.Range(0, m).Where(j => anchorMarks[n + i] != contrastMarks[m + j]).ToArray();
                    var negatives = others.Where(j => supervised || !Same(j)).Sum(j => Math.Exp(S(j)));
                    var positives = others.Where(j => Same(j) && contrastMarks[(2 * m) + j] > 0).ToArray();
                    total -= positives.Sum(j => S(j) - Math.Log(negatives + (supervised ? 0 : Math.Exp(S(j))))) / Math.Max(1, positives.Length) / n;
                }

                v[2][0] += total;
            },
        };
    }
}
