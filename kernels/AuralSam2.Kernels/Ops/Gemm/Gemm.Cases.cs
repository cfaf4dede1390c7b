using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>One linear layer, as a case describes it.</summary>
internal sealed record GemmShape(int Rows, int Inputs, int Outputs)
{
    public bool Bias { get; init; } = true;

    public bool Norm { get; init; }

    public Activation Activation { get; init; }

    /// <summary>Rows of a residual with memory of its own; 0 for none.</summary>
    public int ResidualRows { get; init; }

    /// <summary>The residual is y itself.</summary>
    public bool InPlace { get; init; }

    public int GapX { get; init; }

    public int GapY { get; init; }

    public bool Tiny { get; init; }

    public bool Real { get; init; }

    public override string ToString()
    {
        var parts = new List<string> { $"{Rows}x{Inputs} -> {Outputs}" };
        if (!Bias) parts.Add("no bias");
        if (Norm) parts.Add("norm");
        if (Activation != Activation.None) parts.Add(Activation.ToString());
        if (InPlace) parts.Add("onto y");
        if (ResidualRows > 0) parts.Add(ResidualRows == Rows ? "residual" : $"residual of {ResidualRows} rows");
        if (GapX + GapY > 0) parts.Add("strided");
        return string.Join(", ", parts);
    }
}

/// <summary>Linear layers: every edge of the tile and block walks, every fusion, and the layers of the model that take the most time.</summary>
internal static class GemmCases
{
    private const float Epsilon = 1e-6f;

    public static IEnumerable<OpCase> All()
    {
        yield return Of(new(5, 7, 3) { Tiny = true }); // smaller than a tile in every direction
        yield return Of(new(8, 16, 48) { Tiny = true }); // one whole tile of the widest set, nothing ragged
        yield return Of(new(1, 1, 1) { Tiny = true });
        yield return Of(new(0, 8, 4) { InPlace = true, Tiny = true });
        yield return Of(new(3, 19, 5) { Bias = false, Tiny = true });
        yield return Of(new(64, 64, 64)); // four vectors of 16: two panels of two
        yield return Of(new(65, 97, 33) { Activation = Activation.Gelu, GapX = 3, GapY = 5 }); // a row, a k and a column too many
        yield return Of(new(7, 33, 113) { Activation = Activation.Relu, ResidualRows = 7 });
        yield return Of(new(13, 40, 21) { Activation = Activation.Sigmoid, Tiny = true }); // three slices of k on a GPU
        yield return Of(new(70, 24, 50) { Activation = Activation.Gelu, InPlace = true, GapY = 7 });
        yield return Of(new(130, 20, 50) { ResidualRows = 26 }); // repeats within what would be a block
        yield return Of(new(138, 20, 17) { ResidualRows = 69, Activation = Activation.Relu }); // repeats after a block and a bit
        yield return Of(new(12, 20, 16) { ResidualRows = 1 });
        // a row, a k and columns beyond tiles of 8 and 16
        yield return Of(new(9, 17, 19) { Activation = Activation.Gelu, ResidualRows = 9, Tiny = true });
        yield return Of(new(12, 20, 17) { Activation = Activation.Relu, ResidualRows = 4, GapX = 1, GapY = 2, Tiny = true });
        yield return Of(new(10, 18, 9) { Bias = false, InPlace = true, GapY = 2, Tiny = true });
        yield return Of(new(5, 33, 18) { Norm = true, Activation = Activation.Sigmoid, GapX = 5, Tiny = true });
        // the same for operands that a GPU reads four at a time: rows, columns and slices of k beyond tiles of 8 and 16
        yield return Of(new(9, 16, 20) { Activation = Activation.Gelu, ResidualRows = 9, Tiny = true });
        yield return Of(new(20, 48, 12) { InPlace = true, Tiny = true });
        yield return Of(new(17, 32, 16) { Activation = Activation.Relu, GapX = 4, GapY = 8, Tiny = true });
        yield return Of(new(24, 16, 20) { ResidualRows = 6, Tiny = true }); // repeats within a tile
        yield return Of(new(19, 32, 8) { Tiny = true }); // few columns: k is shared out in parts
        yield return Of(new(17, 128, 4) { Tiny = true });
        yield return Of(new(11, 32, 7) { Bias = false, Tiny = true }); // only x is aligned
        yield return Of(new(11, 33, 8) { InPlace = true, Tiny = true }); // only y is
        yield return Of(new(6, 64, 12) { Activation = Activation.Sigmoid, ResidualRows = 2, GapX = 4, Tiny = true }); // a decoder's few tokens
        yield return Of(new(8, 36, 5) { Norm = true, InPlace = true, GapY = 1, Tiny = true });
        yield return Of(new(600, 4, 5) { Tiny = true }); // a GPU sums the weight's gradient in parts
        yield return Of(new(9, 3100, 20) { InPlace = true }); // three stretches of k: the residual joins once
        yield return Of(new(2, 300, 500) { Activation = Activation.Relu }); // few rows: threads share the columns
        yield return Of(new(3, 5, 9) { Norm = true, Tiny = true });
        yield return Of(new(67, 96, 40) { Norm = true, Activation = Activation.Gelu, ResidualRows = 67, GapX = 1 });

        foreach (var embed in (int[])[96, 112, 144]) // Hiera t and s, b+, l
        {
            for (var stage = 0; stage < 4; stage++)
                yield return Of(new(65536 >> (2 * stage), embed << stage, 3 * embed << stage) { Norm = true, Real = true }); // qkv
            yield return Of(new(65536, embed, 6 * embed) { Norm = true, Real = true }); // qkv of the first block of a stage
            yield return Of(new(65536, embed, 2 * embed) { Norm = true, Real = true }); // its shortcut
            yield return Of(new(65536, embed, 256) { Real = true }); // neck, stride 4
        }

        yield return Of(new(4096, 384, 256) { Real = true }); // neck, stride 16
        yield return Of(new(4096, 256, 128) { Real = true }); // decoder, image to token
        yield return Of(new(4096, 128, 256) { ResidualRows = 4096, Real = true }); // and back
        yield return Of(new(8, 256, 256) { Real = true }); // decoder, tokens
        yield return Of(new(8, 256, 2048) { Activation = Activation.Relu, Real = true });
        yield return Of(new(8, 2048, 256) { ResidualRows = 8, Real = true });
        yield return Of(new(4096, 256, 256) { Norm = true, Real = true }); // memory attention, q
        yield return Of(new(4096, 256, 2048) { Norm = true, Activation = Activation.Relu, Real = true }); // memory attention
        yield return Of(new(28736, 64, 256) { Real = true }); // memory attention, keys of 7 frames and 16 pointers
        yield return Of(new(65536, 256, 32) { Real = true }); // mask decoder, what it keeps of stride 4
        yield return Of(new(16384, 256, 64) { Real = true }); // and of stride 8
        yield return Of(new(4096, 64, 256) { Real = true }); // memory attention, what was read of the memories
        yield return Of(new(4096, 256, 64) { Real = true }); // memory encoder, out
        yield return Of(new(4096, 256, 1024) { Norm = true, Real = true }); // AuralFuser, a block
        yield return Of(new(4096, 1024, 256) { ResidualRows = 4096, Real = true });
        yield return Of(new(20480, 256, 384) { Real = true }); // its fusion, 5 frames
        yield return Of(new(20480, 128, 256) { Real = true });
        yield return Of(new(10, 12288, 4096) { Activation = Activation.Relu, Real = true }); // VGGish, dense layers, 5 s stereo
        yield return Of(new(10, 4096, 4096) { Activation = Activation.Relu, Real = true });
        yield return Of(new(10, 4096, 128) { Activation = Activation.Relu, Real = true });
    }

    public static OpCase Of(GemmShape s)
    {
        var operands = new List<Operand>();
        int Add(bool present, Operand operand)
        {
            if (present) operands.Add(operand);
            return present ? operands.Count - 1 : -1;
        }

        var x = Add(true, new("x", OperandRole.Input, [s.Rows, s.Inputs], RowGap: s.GapX));
        var weight = Add(true, new("weight", OperandRole.Input, [s.Outputs, s.Inputs]));
        var bias = Add(s.Bias, new("bias", OperandRole.Input, [s.Outputs]));
        var normWeight = Add(s.Norm, new("norm weight", OperandRole.Input, [s.Inputs], Offset: 1));
        var normBias = Add(s.Norm, new("norm bias", OperandRole.Input, [s.Inputs]));
        var residual = Add(s.ResidualRows > 0, new("residual", OperandRole.Input, [s.ResidualRows, s.Outputs], RowGap: s.GapX));
        var y = Add(true, new("y", s.InPlace ? OperandRole.InOut : OperandRole.Output, [s.Rows, s.Outputs], RowGap: s.GapY));
        var added = s.InPlace ? y : residual;
        return new OpCase
        {
            Op = "Gemm",
            Label = s.ToString(),
            Operands = [.. operands],
            Flops = 2.0 * s.Rows * s.Inputs * s.Outputs,
            Bytes = 4.0 * (((double)s.Rows * (s.Inputs + s.Outputs)) + ((double)s.Inputs * s.Outputs) +
                ((double)(s.InPlace ? s.Rows : s.ResidualRows) * s.Outputs)),
            Budget = ReferenceMath.SumBudget(s.Inputs, s.Activation),
            Tiny = s.Tiny,
            Real = s.Real,
            Bind = (device, t) =>
            {
                var packed = Gemm.Pack(device, t[weight], bias < 0 ? default : t[bias]);
                var fusion = new GemmFusion
                {
                    Norm = s.Norm ? new NormWeights(t[normWeight], t[normBias], Epsilon) : null,
                    Activation = s.Activation,
                    Residual = added < 0 ? default : t[added],
                };
                return new OpCall(() => Gemm.Forward(device, t[x], packed, t[y], fusion), packed);
            },
            Reference = v =>
            {
                var input = s.Norm ? ReferenceMath.LayerNorm(v[x], v[normWeight], v[normBias], Epsilon) : v[x];
                var product = ReferenceMath.Linear(input, s.Inputs, v[weight], bias < 0 ? [] : v[bias], s.Outputs);
                for (var i = 0; i < product.Length; i++)
                    v[y][i] = ReferenceMath.Activate(s.Activation, product[i] + (added < 0 ? 0 : v[added][i % v[added].Length]));
            },
        };
    }
}
