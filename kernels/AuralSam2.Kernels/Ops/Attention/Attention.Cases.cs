using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Attention between sequences; <see cref="Batch"/> 0 means operands without a batch dimension.</summary>
internal sealed record AttentionShape(int Queries, int Keys, int Heads, int HeadDim)
{
    /// <summary>Channels of a head's values.</summary>
    public int ValueDim { get; init; } = HeadDim;

    public int Batch { get; init; }

    /// <summary>Floats between rows: q, k and v as slices of a fused qkv.</summary>
    public int Gap { get; init; }

    /// <summary>Values of q are this large: scores then reach far beyond what a naive exponential survives.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Share of the probabilities that are dropped.</summary>
    public float Dropout { get; init; }

    /// <summary>When not 0: the error to allow instead of that of the two sums.</summary>
    public double Budget { get; init; }

    public override string ToString() =>
        $"{(Batch == 0 ? "" : $"{Batch} x ")}{Queries} queries, {Keys} keys, {Heads} heads of {HeadDim}" +
        $"{(ValueDim == HeadDim ? "" : $", values of {ValueDim}")}{(Gap == 0 ? "" : ", strided")}{(Scale == 1 ? "" : $", q to {Scale}")}" +
        $"{(Dropout == 0 ? "" : $", dropout {Dropout}")}";
}

/// <summary>Attention of sequences: all head dimensions of the model, ragged queries and keys, and the flow from key block to key block.</summary>
internal static class AttentionCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(new(3, 5, 2, 4)) with { Tiny = true };
        yield return Of(new(1, 1, 1, 16)) with { Tiny = true }; // softmax of one key: y is v
        yield return Of(new(0, 3, 1, 16)) with { Tiny = true };
        yield return Of(new(9, 1, 3, 5)) with { Tiny = true }; // an odd head dimension
        yield return Of(new(20, 140, 2, 4)) with { Tiny = true }; // on a GPU: outputs wait in registers for three blocks of keys
        yield return Of(new(6, 128, 1, 8)) with { Tiny = true }; // whole blocks
        yield return Of(new(3, 300, 1, 16)) with { Tiny = true }; // few queries: groups share the keys, the last has 44
        yield return Of(new(4, 9, 3, 12) { Batch = 2, Gap = 8 }) with { Tiny = true }; // slices of a fused qkv
        yield return Of(new(5, 7, 2, 6) { Batch = 3, Gap = 1 }) with { Tiny = true }; // rows of no whole quads
        yield return Of(new(7, 11, 2, 68) { Gap = 4 }) with { Tiny = true }; // the kernel for heads up to 96, an odd number of quads
        yield return Of(new(3, 21, 1, 132)) with { Tiny = true }; // the one for wider heads
        yield return Of(new(2, 9, 1, 400)) with { Tiny = true }; // wider than what a GPU keeps in registers
        yield return Of(new(5, 9, 1, 20) { ValueDim = 8 }) with { Tiny = true }; // narrower values
        yield return Of(new(3, 70, 2, 4) { ValueDim = 12 }) with { Tiny = true }; // wider ones
        yield return Of(new(4, 7, 3, 7) { Batch = 2, Gap = 3, ValueDim = 5 }) with { Tiny = true }; // neither of whole quads
        yield return Of(new(4, 9, 2, 8) { Batch = 2, Gap = 4, ValueDim = 3 }) with { Tiny = true }; // only queries and keys are
        yield return Of(new(4, 9, 2, 6) { Gap = 4, ValueDim = 8 }) with { Tiny = true }; // only values are
        yield return Of(new(2, 150, 1, 132) { ValueDim = 4 }) with { Tiny = true }; // wide queries in the kernel for narrow values; splits
        yield return Of(new(2, 9, 1, 8) { ValueDim = 272 }) with { Tiny = true }; // several passes over values, few channels of queries
        yield return Of(new(5, 70, 1, 8) { Scale = 200, Budget = 1e-4 }) with { Tiny = true }; // scores of several hundred
        yield return Of(new(6, 70, 2, 8) { Batch = 2, Gap = 2, ValueDim = 12, Dropout = 0.3f }) with { Tiny = true };
        yield return Of(new(100, 520, 1, 12) { Dropout = 0.1f }); // several blocks of queries, several runs of keys
        yield return Of(new(700, 9, 1, 8) { Batch = 2, Gap = 3 }); // several runs of queries
        yield return Of(new(65, 65, 2, 16) { Gap = 64 });
        yield return Of(new(17, 97, 2, 32) { Batch = 2 });
        yield return Of(new(66, 131, 3, 56) { Gap = 1 });
        yield return Of(new(64, 48, 1, 64) { Batch = 3, Gap = 2 }); // whole tiles everywhere
        yield return Of(new(5, 77, 2, 72));
        yield return Of(new(11, 1030, 1, 96)); // three blocks of keys, the last with 6
        yield return Of(new(70, 203, 1, 256)); // two blocks
        yield return Of(new(3, 3073, 1, 16)); // the last block is one key
        yield return Of(new(9, 70, 3, 16) { Batch = 2, Gap = 3 }); // few queries of several heads, on the calling thread
        yield return Of(new(9, 3100, 3, 16) { Gap = 3 }); // a thread a head, two blocks of keys
        yield return Of(new(66, 601, 1, 256) { ValueDim = 64 }); // three blocks
        yield return Of(new(9, 333, 2, 40) { Batch = 2, Gap = 2, ValueDim = 88 });
        // Scores up to +-600: an error of half a unit in the last place of such a score is 3e-5, and so is the relative error of its exponential.
        yield return Of(new(20, 1030, 1, 96) { Scale = 60, Budget = 3e-5 });

        yield return Of(new(4096, 4096, 4, 96) { Gap = 768 }) with { Real = true }; // Hiera t, global blocks
        yield return Of(new(4096, 4096, 8, 56) { Gap = 896 }) with { Real = true }; // b+
        yield return Of(new(4096, 4096, 8, 72) { Gap = 1152 }) with { Real = true }; // l
        yield return Of(new(4096, 4096, 1, 256)) with { Real = true }; // memory attention, self
        yield return Of(new(4096, 28736, 1, 256) { ValueDim = 64 }) with { Real = true }; // memory attention, 7 frames and 16 pointers
        yield return Of(new(8, 8, 8, 32)) with { Real = true }; // decoder, tokens
        yield return Of(new(8, 4096, 8, 16)) with { Real = true }; // decoder, tokens to image
        yield return Of(new(4096, 8, 8, 16)) with { Real = true }; // decoder, image to tokens
        yield return Of(new(4096, 256, 4, 64) { Batch = 5 }) with { Real = true }; // AuralFuser, reduced keys, 5 frames
    }

    public static OpCase Of(AttentionShape s)
    {
        var (channels, valueChannels) = (s.Heads * s.HeadDim, s.Heads * s.ValueDim);
        int[] Shape(int rows, int columns) => s.Batch == 0 ? [rows, columns] : [s.Batch, rows, columns];
        var batch = Math.Max(1, s.Batch);
        var dropout = s.Dropout == 0 ? default : AttentionDropout.Of(key: 5, s.Dropout);
        return new OpCase
        {
            Op = "Attention",
            Label = s.ToString(),
            Operands =
            [
                new("q", OperandRole.Input, Shape(s.Queries, channels), s.Scale, RowGap: s.Gap),
                new("k", OperandRole.Input, Shape(s.Keys, channels), RowGap: s.Gap),
                new("v", OperandRole.Input, Shape(s.Keys, valueChannels), RowGap: s.Gap),
                new("y", OperandRole.Output, Shape(s.Queries, valueChannels), RowGap: s.Gap),
            ],
            Flops = Attention.Flops((double)batch * s.Queries, s.Keys, channels, valueChannels),
            Bytes = 4.0 * batch * (channels + valueChannels) * ((double)s.Queries + s.Keys),
            Budget = s.Budget > 0 ? s.Budget : ReferenceMath.SumBudget(s.Keys) + ReferenceMath.SumBudget(s.HeadDim),
            Bind = (device, t) => new OpCall(() => Attention.Forward(device, t[0], t[1], t[2], t[3], s.Heads, dropout)),
            Reference = v =>
            {
                for (var b = 0; b < batch; b++)
                {
                    for (var h = 0; h < s.Heads; h++)
                    {
                        double[] Head(double[] from, int rows, int row, int dim) =>
                            from.AsSpan(((((b * rows) + row) * s.Heads) + h) * dim, dim).ToArray();
                        var keys = Enumerable.Range(0, s.Keys).Select(r => Head(v[1], s.Keys, r, s.HeadDim)).ToArray();
                        var values = Enumerable.Range(0, s.Keys).Select(r => Head(v[2], s.Keys, r, s.ValueDim)).ToArray();
                        for (var r = 0; r < s.Queries; r++)
                        {
                            var y = ReferenceMath.Attend(
                                Head(v[0], s.Queries, r, s.HeadDim), keys, values,
                                key => dropout.FactorOf((((b * s.Heads) + h) * s.Queries) + r, key));
                            y.CopyTo(v[3], ((((b * s.Queries) + r) * s.Heads) + h) * s.ValueDim);
                        }
                    }
                }
            },
        };
    }
}
