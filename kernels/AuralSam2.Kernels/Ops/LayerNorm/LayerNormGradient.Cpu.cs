using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of a layer norm on the CPU. Threads take stretches of rows; each stretch sums the gradients of weight and bias into a row
/// of its own, and these are added in order.
/// </summary>
internal static unsafe class LayerNormGradientCpu
{
    private const int Stretch = 128;

    public static void Run(CpuDevice device, Tensor dy, Tensor x, in NormWeights norm, Tensor dx, Tensor dw, Tensor db)
    {
        using var scope = device.Scope();
        var (rows, channels, weights) = (x.Rows, x.Columns, norm);
        var stretches = (rows + Stretch - 1) / Stretch;
        var (affine, replaces) = (!dw.IsEmpty || !db.IsEmpty, !dx.IsEmpty && dx.IsSameAs(dy));
        var sums = affine ? device.Rent(2, stretches, channels) : default;
        if (affine) device.FillCore(sums, 0);
        device.Pool.For(stretches, (item, worker) =>
        {
            var normalised = device.Scratch(worker, channels);
            for (var r = item * Stretch; r < Math.Min(rows, (item + 1) * Stretch); r++)
            {
                var row = new RowOperands
                {
                    Dy = dy.Pointer + ((nint)r * dy.RowStride),
                    X = x.Pointer + ((nint)r * x.RowStride),
                    Dx = dx.IsEmpty ? null : dx.Pointer + ((nint)r * dx.RowStride),
                    Weight = weights.Weight.Pointer,
                    Normalised = normalised,
                    SumWeight = affine ? sums.Pointer + ((nint)item * channels) : null,
                    SumBias = affine ? sums.Pointer + ((nint)(stretches + item) * channels) : null,
                    Epsilon = weights.Epsilon,
                    Replaces = replaces,
                };
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: Row<Simd512, Vector512<float>>(channels, row); break;
                    case CpuIsa.Avx2: Row<Simd256, Vector256<float>>(channels, row); break;
                    default: Row<Simd128, Vector128<float>>(channels, row); break;
                }
            }
        });
        if (!dw.IsEmpty) RowSum.Run(device, sums.At(0), dw.Reshape(1, channels));
        if (!db.IsEmpty) RowSum.Run(device, sums.At(1), db.Reshape(1, channels));
    }

    private ref struct RowOperands
    {
        public float* Dy;
        public float* X;
        public float* Dx;
        public float* Weight;
        public float* Normalised;
        public float* SumWeight;
        public float* SumBias;
        public float Epsilon;
        public bool Replaces;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<S, V>(int channels, in RowOperands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* dy = o.Dy, x = o.X, n = o.Normalised;
        var whole = channels / S.Width * S.Width;
        var sum = S.Zero;
        for (var c = 0; c < whole; c += S.Width) sum = S.Add(sum, S.Load(x + c));
        var total = S.Sum(sum);
        for (var c = whole; c < channels; c++) total += x[c];
        var mean = total / channels;

        var center = S.Create(mean);
        sum = S.Zero;
        for (var c = 0; c < whole; c += S.Width)
        {
            var d = S.Sub(S.Load(x + c), center);
            sum = S.Fma(d, d, sum);
        }

        var squares = S.Sum(sum);
        for (var c = whole; c < channels; c++) squares += (x[c] - mean) * (x[c] - mean);
        var rstd = 1f / MathF.Sqrt((squares / channels) + o.Epsilon);

        // n, and the sums of g and g n; the parameters' sums on the way.
        var scale = S.Create(rstd);
        V sumG = S.Zero, sumGn = S.Zero;
        for (var c = 0; c < whole; c += S.Width)
        {
            V g = S.Load(dy + c), normalised = S.Mul(S.Sub(S.Load(x + c), center), scale);
            S.Store(normalised, n + c);
            if (o.SumWeight != null)
            {
                S.Store(S.Fma(g, normalised, S.Load(o.SumWeight + c)), o.SumWeight + c);
                S.Store(S.Add(g, S.Load(o.SumBias + c)), o.SumBias + c);
            }

            g = S.Mul(g, S.Load(o.Weight + c));
            sumG = S.Add(sumG, g);
            sumGn = S.Fma(g, normalised, sumGn);
        }

        float meanG = S.Sum(sumG), meanGn = S.Sum(sumGn);
        for (var c = whole; c < channels; c++)
        {
            n[c] = (x[c] - mean) * rstd;
            if (o.SumWeight != null)
            {
                o.SumWeight[c] += dy[c] * n[c];
                o.SumBias[c] += dy[c];
            }

            meanG += dy[c] * o.Weight[c];
            meanGn += dy[c] * o.Weight[c] * n[c];
        }

        if (o.Dx == null) return;
        meanG /= channels;
        meanGn /= channels;
        V vectorG = S.Create(meanG), vectorGn = S.Create(-meanGn);
        for (var c = 0; c < whole; c += S.Width)
        {
            var g = S.Sub(S.Mul(S.Load(dy + c), S.Load(o.Weight + c)), vectorG);
            var d = S.Fma(vectorGn, S.Load(n + c), g);
            S.Store(o.Replaces ? S.Mul(d, scale) : S.Fma(d, scale, S.Load(o.Dx + c)), o.Dx + c);
        }

        for (var c = whole; c < channels; c++)
        {
            var d = ((dy[c] * o.Weight[c]) - meanG - (n[c] * meanGn)) * rstd;
            o.Dx[c] = o.Replaces ? d : o.Dx[c] + d;
        }
    }
}
