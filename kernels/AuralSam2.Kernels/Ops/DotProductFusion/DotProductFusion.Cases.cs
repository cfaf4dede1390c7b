using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>The audio-visual product in both directions: many pixels to few sounds, and few sounds to many pixels.</summary>
internal static class DotProductFusionCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(3, 5, 4, 0) with { Tiny = true };
        yield return Of(1, 1, 1, 0) with { Tiny = true };
        yield return Of(0, 5, 16, 0) with { Tiny = true };
        yield return Of(9, 70, 12, 4) with { Tiny = true };
        yield return Of(2, 300, 16, 1) with { Tiny = true }; // few queries, many keys: groups share them on a GPU
        yield return Of(70, 5, 128, 0);
        yield return Of(5, 467, 128, 3); // two blocks of keys
        yield return Of(67, 33, 17, 5);

        yield return Of(20480, 5, 128, 0) with { Real = true }; // 5 frames of 64 x 64 to 5 sounds
        yield return Of(5, 20480, 128, 0) with { Real = true };
        yield return Of(40960, 35, 128, 0) with { Real = true }; // Ref-AVS: 10 frames, 10 sounds and 25 words
    }

    private static OpCase Of(int queries, int keys, int channels, int gap)
    {
        var scale = 1f / Math.Max(queries, keys);
        return new OpCase
        {
            Op = "DotProductFusion",
            Label = $"{queries} queries, {keys} keys, {channels} channels{(gap == 0 ? "" : ", strided")}",
            Operands =
            [
                new("q", OperandRole.Input, [queries, channels], RowGap: gap),
                new("k", OperandRole.Input, [keys, channels], RowGap: gap),
                new("v", OperandRole.Input, [keys, channels], RowGap: gap),
                new("y", OperandRole.Output, [queries, channels], RowGap: gap),
            ],
            Flops = Attention.Flops(queries, keys, channels, channels),
            Bytes = 8.0 * channels * ((double)queries + keys),
            Budget = ReferenceMath.SumBudget(keys + channels),
            Bind = (device, t) => new OpCall(() => DotProductFusion.Forward(device, t[0], t[1], t[2], t[3], scale)),
            Reference = v =>
            {
                for (var i = 0; i < queries; i++)
                {
                    for (var j = 0; j < keys; j++)
                    {
                        var score = scale * ReferenceMath.Dot(v[0].AsSpan(i * channels, channels), v[1].AsSpan(j * channels, channels));
                        for (var c = 0; c < channels; c++)
                            v[3][(i * channels) + c] = (j == 0 ? 0 : v[3][(i * channels) + c]) + (score * v[2][(j * channels) + c]);
                    }
                }
            },
        };
    }
}
