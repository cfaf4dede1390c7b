using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Windows that fit, overhang, cover and exceed the image, with and without q-pool.</summary>
internal static class WindowAttentionCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(new(4, 4, 2, 1, false), 8) with { Tiny = true };
        yield return Of(new(4, 2, 2, 2, true), 4) with { Tiny = true }; // one query is left of each window
        yield return Of(new(1, 1, 1, 1, false), 16) with { Tiny = true }; // one token, one window
        yield return Of(new(9, 7, 4, 2, false), 24, gap: 3); // overhangs on both sides
        yield return Of(new(5, 7, 4, 1, false), 6, gap: 2) with { Tiny = true }; // the same, and heads of no whole quads
        yield return Of(new(3, 2, 4, 3, false), 5) with { Tiny = true }; // the window is larger than the image
        yield return Of(new(7, 7, 7, 1, false), 3) with { Tiny = true }; // 49 keys: two blocks on a GPU
        yield return Of(new(6, 4, 4, 2, true), 7) with { Tiny = true }; // q-pool over an overhang
        yield return Of(new(4, 8, 2, 1, true), 12, gap: 3) with { Tiny = true };
        yield return Of(new(4, 6, 4, 1, true), 68) with { Tiny = true }; // the GPU's kernel for heads up to 96, pooled and padded
        yield return Of(new(4, 4, 4, 1, false), 160) with { Tiny = true }; // the one for wider heads
        yield return Of(new(9, 10, 10, 1, false), 4) with { Tiny = true }; // 100 keys: on a GPU two blocks, in two groups where queries are few
        yield return Of(new(10, 10, 10, 1, true), 4) with { Tiny = true };
        // Scores of several hundred: the error of a score, 1e-7 of its size, is the relative error of its weight.
        yield return Of(new(4, 4, 4, 1, false), 8, scale: 40) with { Tiny = true, Budget = 1e-4 };
        yield return Of(new(8, 8, 8, 3, false), 32); // the window is the image
        yield return Of(new(5, 6, 14, 1, false), 16); // the window is larger than the image
        yield return Of(new(16, 16, 14, 2, false), 8); // 196 keys: four blocks of queries, the last with 4
        yield return Of(new(21, 3, 20, 1, false), 16); // 400 keys: two blocks of keys
        yield return Of(new(10, 12, 8, 2, true), 96); // q-pool over an overhang
        yield return Of(new(6, 4, 14, 1, true), 56); // q-pool in a window larger than the image
        yield return Of(new(8, 8, 4, 4, true), 72, gap: 5);

        yield return Of(new(256, 256, 8, 1, false), 96) with { Real = true }; // Hiera t, block 0
        yield return Of(new(256, 256, 8, 2, true), 96) with { Real = true }; // block 1
        yield return Of(new(128, 128, 4, 2, false), 96) with { Real = true }; // block 2
        yield return Of(new(128, 128, 4, 4, true), 96) with { Real = true }; // block 3
        yield return Of(new(64, 64, 14, 4, false), 96) with { Real = true }; // stage 3, overhang 6
        yield return Of(new(64, 64, 14, 8, true), 96) with { Real = true }; // block 10
        yield return Of(new(32, 32, 7, 8, false), 96) with { Real = true }; // block 11
        yield return Of(new(256, 256, 8, 2, false), 56) with { Real = true }; // b+, a block of each kind
        yield return Of(new(256, 256, 8, 4, true), 56) with { Real = true };
        yield return Of(new(128, 128, 4, 4, false), 56) with { Real = true };
        yield return Of(new(64, 64, 14, 8, false), 56) with { Real = true };
        yield return Of(new(64, 64, 14, 16, true), 56) with { Real = true };
        yield return Of(new(32, 32, 7, 16, false), 56) with { Real = true };
        yield return Of(new(256, 256, 8, 2, false), 72) with { Real = true }; // l
        yield return Of(new(256, 256, 8, 4, true), 72) with { Real = true };
        yield return Of(new(128, 128, 4, 4, false), 72) with { Real = true };
        yield return Of(new(64, 64, 16, 8, false), 72) with { Real = true };
        yield return Of(new(64, 64, 16, 16, true), 72) with { Real = true };
        yield return Of(new(32, 32, 8, 16, false), 72) with { Real = true };
    }

    private static OpCase Of(WindowGrid g, int headDim, int gap = 0, double scale = 1)
    {
        var channels = g.Heads * headDim;
        var keys = (double)g.Window * g.Window;
        var values = scale == 1 ? "" : $", values to {scale}";
        var variant = $"{(g.PoolQueries ? ", q-pool" : "")}{values}{(gap == 0 ? "" : ", strided")}";
        return new OpCase
        {
            Op = "WindowAttention",
            Label = $"{g.Height}x{g.Width}, window {g.Window}, {g.Heads} heads of {headDim}{variant}",
            Operands =
            [
                new("qkv", OperandRole.Input, [g.Height * g.Width, 3 * channels], scale, RowGap: gap),
                new("padding", OperandRole.Input, [3 * channels], scale),
                new("y", OperandRole.Output, [g.OutputHeight * g.OutputWidth, channels], RowGap: 2 * gap),
            ],
            Flops = Attention.Flops(g.Across * g.Down * keys / (g.PoolQueries ? 4 : 1), keys, channels, channels),
            Bytes = 4.0 * channels * ((3.0 * g.Height * g.Width) + ((double)g.OutputHeight * g.OutputWidth)),
            // Padding tokens are all the same: their terms have one sign, and the rounding errors of a growing sum do not cancel.
            Budget = g.Height % g.Window == 0 && g.Width % g.Window == 0
                ? ReferenceMath.SumBudget(g.Window * g.Window) + ReferenceMath.SumBudget(headDim)
                : 5e-7 + (1.5e-8 * keys),
            Bind = (device, t) => new OpCall(() => WindowAttention.Forward(device, t[0], t[1], t[2], g)),
            Reference = v => Reference(v[0], v[1], v[2], g, headDim),
        };
    }

    /// <summary>The steps of the paper's code, one after another: pad, partition, pool the queries, attend, put together, crop.</summary>
    private static void Reference(double[] qkv, double[] padding, double[] y, WindowGrid g, int headDim)
    {
        var channels = g.Heads * headDim;
        for (var top = 0; top < g.Height; top += g.Window)
        {
            for (var left = 0; left < g.Width; left += g.Window)
            {
                for (var h = 0; h < g.Heads; h++)
                {
                    // part 0, 1, 2: q, k, v of the token at (row, column) of this window
                    double[] Token(int part, int row, int column)
                    {
                        var inside = top + row < g.Height && left + column < g.Width;
                        var at = (part * channels) + (h * headDim);
                        return inside
                            ? qkv.AsSpan(((((top + row) * g.Width) + left + column) * 3 * channels) + at, headDim).ToArray()
                            : padding.AsSpan(at, headDim).ToArray();
                    }

                    var cells = Enumerable.Range(0, g.Window * g.Window).Select(i => (Row: i / g.Window, Column: i % g.Window)).ToArray();
                    var keys = cells.Select(c => Token(1, c.Row, c.Column)).ToArray();
                    var values = cells.Select(c => Token(2, c.Row, c.Column)).ToArray();
                    var step = g.PoolQueries ? 2 : 1;
                    foreach (var (row, column) in cells.Where(c => c.Row % step == 0 && c.Column % step == 0))
                    {
                        var (toRow, toColumn) = ((top + row) / step, (left + column) / step);
                        if (toRow >= g.OutputHeight || toColumn >= g.OutputWidth) continue;
                        var q = Token(0, row, column);
                        for (var dy = 0; dy < step; dy++)
                            for (var dx = 0; dx < step; dx++)
                                q = [.. q.Zip(Token(0, row + dy, column + dx), Math.Max)];
                        ReferenceMath.Attend(q, keys, values).CopyTo(y, (((toRow * g.OutputWidth) + toColumn) * channels) + (h * headDim));
                    }
                }
            }
        }
    }
}
