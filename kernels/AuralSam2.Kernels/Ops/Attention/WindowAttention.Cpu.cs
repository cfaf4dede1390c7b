using System.Runtime.Intrinsics.X86;

namespace AuralSam2.Kernels.Ops;

/// <summary>Windowed attention on the CPU: a window is an item; its tokens are addresses into qkv, padding tokens all the same address.</summary>
internal static unsafe class WindowAttentionCpu
{
    public static void Run(CpuDevice device, Tensor qkv, Tensor padding, Tensor y, WindowGrid grid)
    {
        var channels = y.Columns;
        var d = channels / grid.Heads;
        var dPadded = FlashTile.Padded(d);
        var keys = grid.Window * grid.Window;
        var keyBlock = Math.Min(FlashTile.Padded(keys), 384);
        var queries = grid.PoolQueries ? keys / 4 : keys;
        var edge = grid.PoolQueries ? grid.Window / 2 : grid.Window;
        var queryRows = (queries + 7) & ~7;
        device.Pool.For(grid.Across * grid.Down, (item, worker) =>
        {
            var (top, left) = (item / grid.Across * grid.Window, item % grid.Across * grid.Window);
            var keysFloats = (nint)FlashTile.Padded(keys) * d;
            var valuesFloats = (nint)keys * dPadded;
            var queryFloats = (nint)queryRows * dPadded;
            var outputFloats = (nint)FlashTile.MaxQueries * dPadded;
            var rowFloats = ((nint)keys * 2) + 16; // addresses are 8 bytes
            var scratch = device.Scratch(
                worker, keysFloats + valuesFloats + queryFloats + outputFloats + rowFloats +
                (FlashTile.MaxQueries * (nint)FlashTile.Padded(keyBlock)));
            var packed = scratch;
            var values = packed + keysFloats;
            var gathered = values + valuesFloats;
            var output = gathered + queryFloats;
            var tokens = (float**)(output + outputFloats);
            var scores = (float*)(tokens + keys + 8);
            for (var h = 0; h < grid.Heads; h++)
            {
                for (var i = 0; i < keys; i++)
                {
                    var (row, column) = (top + (i / grid.Window), left + (i % grid.Window));
                    tokens[i] = (row < grid.Height && column < grid.Width
                        ? qkv.Pointer + ((((nint)row * grid.Width) + column) * qkv.RowStride)
                        : padding.Pointer) + (h * d);
                    Prefetch(tokens[i], channels, d);
                }

                Gather(device.Isa, grid, tokens, d, gathered, dPadded);
                for (var i = 0; i < keys; i++)
                {
                    tokens[i] += channels;
                    var row = new Span<float>(values + ((nint)i * dPadded), dPadded);
                    new ReadOnlySpan<float>(tokens[i] + channels, d).CopyTo(row);
                    row[d..].Clear();
                }

                var packedAt = packed;
                for (var k0 = 0; k0 < keys; k0 += keyBlock)
                {
                    FlashTile.PackKeys(device.Isa, tokens + k0, Math.Min(keyBlock, keys - k0), d, packedAt);
                    packedAt += (nint)keyBlock * d;
                }

                for (var q0 = 0; q0 < queries; q0 += FlashTile.MaxQueries)
                {
                    var count = Math.Min(FlashTile.MaxQueries, queries - q0);
                    FlashTile.Run(device.Isa, new FlashTile.Block
                    {
                        Q = gathered + ((nint)q0 * dPadded),
                        StrideQ = dPadded,
                        Queries = count,
                        PackedKeys = packed,
                        V = values,
                        StrideV = dPadded,
                        Keys = keys,
                        KeyBlock = keyBlock,
                        HeadDim = d,
                        ValueDim = d,
                        Output = output,
                        StrideOutput = dPadded,
                        Scores = scores,
                    });
                    Scatter(grid, top, left, q0, count, edge, output, dPadded, d, y, h);
                }
            }
        });
    }

    /// <summary>
    /// Asks for query, key and value of a token at once: a window is short stretches of the image far from each other, which the
    /// processor's own prefetching does not foresee.
    /// </summary>
    private static void Prefetch(float* token, int channels, int d)
    {
        if (!Sse.IsSupported) return;
        for (var part = 0; part < 3; part++, token += channels)
            for (var c = 0; c < d; c += 16) Sse.Prefetch1(token + c); // a line of the cache is 16 floats
    }

    /// <summary>Queries of the window, or the 2 x 2 maxima of them.</summary>
    private static void Gather(CpuIsa isa, in WindowGrid grid, float** tokens, int d, float* target, int stride)
    {
        var w = grid.Window;
        if (!grid.PoolQueries)
        {
            for (var i = 0; i < w * w; i++) new ReadOnlySpan<float>(tokens[i], d).CopyTo(new Span<float>(target + ((nint)i * stride), d));
            return;
        }

        for (var i = 0; i < w * w / 4; i++)
        {
            var corner = (i / (w / 2) * 2 * w) + (i % (w / 2) * 2);
            float* a = tokens[corner], b = tokens[corner + 1], c = tokens[corner + w], e = tokens[corner + w + 1], t = target + ((nint)i * stride);
            MaxPool2x2Cpu.Maximum(isa, d, a, b, c, e, t);
        }
    }

    /// <summary>Results go to their place in the image; those of padding tokens are dropped.</summary>
    private static void Scatter(
        in WindowGrid grid, int top, int left, int first, int count, int edge, float* output, int stride, int d, Tensor y, int head)
    {
        var (t, l) = grid.PoolQueries ? (top / 2, left / 2) : (top, left);
        for (var i = 0; i < count; i++)
        {
            var (row, column) = (t + ((first + i) / edge), l + ((first + i) % edge));
            if (row >= grid.OutputHeight || column >= grid.OutputWidth) continue;
            var target = y.Pointer + ((((nint)row * grid.OutputWidth) + column) * y.RowStride) + (head * d);
            new ReadOnlySpan<float>(output + ((nint)i * stride), d).CopyTo(new Span<float>(target, d));
        }
    }
}
