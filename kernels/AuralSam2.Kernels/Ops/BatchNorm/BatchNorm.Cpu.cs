using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Batch norm on the CPU. Threads take stretches of rows, each with sums of its own; the stretches are put together in order and in float64,
/// so the result does not depend on the number of threads.
/// </summary>
internal static unsafe class BatchNormCpu
{
    /// <summary>Rows of a stretch: 128 KB at 256 channels, so that its second pass reads the second-level cache.</summary>
    private const int Stretch = 128;

    public static void Run(CpuDevice device, Tensor x, in BatchNormWeights norm, Tensor statistics, Tensor y, bool training)
    {
        float* mean = statistics.Pointer, rstd = mean + x.Columns;
        if (training)
        {
            Statistics(device, x, norm, mean, rstd);
        }
        else
        {
            for (var c = 0; c < x.Columns; c++)
            {
                mean[c] = norm.RunningMean.Pointer[c];
                rstd[c] = (float)(1 / Math.Sqrt((double)norm.RunningVariance.Pointer[c] + norm.Epsilon));
            }
        }

        using var scope = device.Scope();
        var factors = device.Arena.Rent(2, x.Columns).Pointer; // of x - mean, and what is added
        for (var c = 0; c < x.Columns; c++) (factors[c], factors[x.Columns + c]) = (norm.Weight.Pointer[c] * rstd[c], norm.Bias.Pointer[c]);
        var (center, scale) = ((nint)mean, (nint)factors);
        ForRows(device, x.Rows, (r, _) =>
        {
            float* from = x.Pointer + ((nint)r * x.RowStride), to = y.Pointer + ((nint)r * y.RowStride), w = (float*)scale;
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Normalise<Simd512, Vector512<float>>(x.Columns, from, (float*)center, w, w + x.Columns, to); break;
                case CpuIsa.Avx2: Normalise<Simd256, Vector256<float>>(x.Columns, from, (float*)center, w, w + x.Columns, to); break;
                default: Normalise<Simd128, Vector128<float>>(x.Columns, from, (float*)center, w, w + x.Columns, to); break;
            }
        });
    }

    public static void Gradient(
        CpuDevice device, Tensor dy, Tensor x, Tensor statistics, in BatchNormWeights norm, Tensor dx, Tensor dw, Tensor db, bool training)
    {
        var (rows, channels) = (x.Rows, x.Columns);
        float* mean = statistics.Pointer, rstd = mean + channels;
        using var scope = device.Scope();
        // Per channel: the factor w rstd, and the means of dy and of dy n that are subtracted.
        var terms = device.Arena.Rent(3, channels).Pointer;
        new Span<float>(terms, 3 * channels).Clear();
        if (!dw.IsEmpty || !db.IsEmpty || training)
        {
            var sums = Sums(device, dy, x, mean, rstd);
            for (var c = 0; c < channels; c++)
            {
                double gradient = 0, product = 0;
                for (var s = 0; s < sums.Rows / 2; s++)
                {
                    gradient += sums.Pointer[(2 * s * channels) + c];
                    product += sums.Pointer[(((2 * s) + 1) * channels) + c];
                }

                if (!db.IsEmpty) db.Pointer[c] += (float)gradient;
                if (!dw.IsEmpty) dw.Pointer[c] += (float)product;
                if (training) (terms[channels + c], terms[(2 * channels) + c]) = ((float)(gradient / rows), (float)(product / rows));
            }
        }

        if (dx.IsEmpty) return;
        for (var c = 0; c < channels; c++) terms[c] = norm.Weight.Pointer[c] * rstd[c];
        var (replaces, center, factors) = (dx.IsSameAs(dy), (nint)mean, (nint)terms);
        ForRows(device, rows, (r, _) =>
        {
            float* g = dy.Pointer + ((nint)r * dy.RowStride), v = x.Pointer + ((nint)r * x.RowStride), to = dx.Pointer + ((nint)r * dx.RowStride);
            switch (device.Isa)
            {
                case CpuIsa.Avx512: GradientRow<Simd512, Vector512<float>>(channels, g, v, (float*)center, (float*)factors, to, replaces); break;
                case CpuIsa.Avx2: GradientRow<Simd256, Vector256<float>>(channels, g, v, (float*)center, (float*)factors, to, replaces); break;
                default: GradientRow<Simd128, Vector128<float>>(channels, g, v, (float*)center, (float*)factors, to, replaces); break;
            }
        });
    }

    /// <summary>Mean and rstd of all rows from those of the stretches (Chan, Golub and LeVeque 1979); moves the running statistics.</summary>
    private static void Statistics(CpuDevice device, Tensor x, in BatchNormWeights norm, float* mean, float* rstd)
    {
        using var scope = device.Scope();
        var (rows, channels) = (x.Rows, x.Columns);
        var stretches = (rows + Stretch - 1) / Stretch;
        var parts = device.Arena.Rent(2 * stretches, channels); // mean, and sum of squares around it
        device.Pool.For(stretches, (item, _) =>
        {
            float* from = x.Pointer + ((nint)item * Stretch * x.RowStride), to = parts.Pointer + ((nint)item * 2 * channels);
            var count = Math.Min(Stretch, rows - (item * Stretch));
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Moments<Simd512, Vector512<float>>(count, channels, from, x.RowStride, to); break;
                case CpuIsa.Avx2: Moments<Simd256, Vector256<float>>(count, channels, from, x.RowStride, to); break;
                default: Moments<Simd128, Vector128<float>>(count, channels, from, x.RowStride, to); break;
            }
        });
        for (var c = 0; c < channels; c++)
        {
            double seen = 0, center = 0, squares = 0;
            for (var s = 0; s < stretches; s++)
            {
                var count = Math.Min(Stretch, rows - (s * Stretch));
                var distance = parts.Pointer[(2 * s * channels) + c] - center;
                squares += parts.Pointer[(((2 * s) + 1) * channels) + c] + (distance * distance * seen * count / (seen + count));
                seen += count;
                center += distance * count / seen;
            }

            mean[c] = (float)center;
            rstd[c] = (float)(1 / Math.Sqrt((squares / rows) + norm.Epsilon));
            float* running = norm.RunningMean.Pointer + c, variance = norm.RunningVariance.Pointer + c;
            *running += (float)(norm.Momentum * (center - *running));
            *variance += (float)(norm.Momentum * ((squares / (rows - 1)) - *variance));
        }
    }

    /// <summary>Per stretch, two rows: sums of dy and of dy n.</summary>
    private static Tensor Sums(CpuDevice device, Tensor dy, Tensor x, float* mean, float* rstd)
    {
        var (rows, channels) = (x.Rows, x.Columns);
        var stretches = (rows + Stretch - 1) / Stretch;
        var parts = device.Arena.Rent(2 * stretches, channels);
        var (center, scale) = ((nint)mean, (nint)rstd);
        device.Pool.For(stretches, (item, _) =>
        {
            var to = parts.Pointer + ((nint)item * 2 * channels);
            new Span<float>(to, 2 * channels).Clear();
            for (var r = item * Stretch; r < Math.Min(rows, (item + 1) * Stretch); r++)
            {
                float* g = dy.Pointer + ((nint)r * dy.RowStride), v = x.Pointer + ((nint)r * x.RowStride);
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: AddProducts<Simd512, Vector512<float>>(channels, g, v, (float*)center, (float*)scale, to); break;
                    case CpuIsa.Avx2: AddProducts<Simd256, Vector256<float>>(channels, g, v, (float*)center, (float*)scale, to); break;
                    default: AddProducts<Simd128, Vector128<float>>(channels, g, v, (float*)center, (float*)scale, to); break;
                }
            }
        });
        return parts;
    }

    private static void ForRows(CpuDevice device, int rows, Action<int, int> body)
    {
        const int rowsEach = 32;
        device.Pool.For((rows + rowsEach - 1) / rowsEach, (item, worker) =>
        {
            for (var r = item * rowsEach; r < Math.Min(rows, (item + 1) * rowsEach); r++) body(r, worker);
        });
    }

    /// <summary>Mean of the rows, then the squares around it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Moments<S, V>(int rows, int channels, float* x, nint stride, float* parts)
        where S : struct, ISimd<V>
        where V : struct
    {
        var share = S.Create(1f / rows);
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            V even = S.Zero, odd = S.Zero;
            for (var r = 0; r + 1 < rows; r += 2)
            {
                even = S.Add(even, S.Load(x + (r * stride) + c));
                odd = S.Add(odd, S.Load(x + ((r + 1) * stride) + c));
            }

            if ((rows & 1) != 0) even = S.Add(even, S.Load(x + ((rows - 1) * stride) + c));
            var mean = S.Mul(S.Add(even, odd), share);
            V squares = S.Zero, rest = S.Zero;
            for (var r = 0; r < rows; r++)
            {
                var d = S.Sub(S.Load(x + (r * stride) + c), mean);
                squares = S.Fma(d, d, squares);
                rest = S.Add(rest, d);
            }

            // What rounding left of the mean: sum (x - mean) / n.
            rest = S.Mul(rest, share);
            S.Store(S.Add(mean, rest), parts + c);
            S.Store(S.Fma(S.Mul(rest, S.Create(-rows)), rest, squares), parts + channels + c);
        }

        for (; c < channels; c++)
        {
            double sum = 0, squares = 0;
            for (var r = 0; r < rows; r++) sum += x[(r * stride) + c];
            for (var r = 0; r < rows; r++) squares += (x[(r * stride) + c] - (sum / rows)) * (x[(r * stride) + c] - (sum / rows));
            (parts[c], parts[channels + c]) = ((float)(sum / rows), (float)squares);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalise<S, V>(int channels, float* x, float* mean, float* factor, float* bias, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
            S.Store(S.Fma(S.Sub(S.Load(x + c), S.Load(mean + c)), S.Load(factor + c), S.Load(bias + c)), y + c);
        for (; c < channels; c++) y[c] = ((x[c] - mean[c]) * factor[c]) + bias[c];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddProducts<S, V>(int channels, float* dy, float* x, float* mean, float* rstd, float* sums)
        where S : struct, ISimd<V>
        where V : struct
    {
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            var (g, n) = (S.Load(dy + c), S.Mul(S.Sub(S.Load(x + c), S.Load(mean + c)), S.Load(rstd + c)));
            S.Store(S.Add(g, S.Load(sums + c)), sums + c);
            S.Store(S.Fma(g, n, S.Load(sums + channels + c)), sums + channels + c);
        }

        for (; c < channels; c++)
        {
            sums[c] += dy[c];
            sums[channels + c] += dy[c] * (x[c] - mean[c]) * rstd[c];
        }
    }

    /// <summary>dx (+)= factor (dy - mean(dy) - n mean(dy n)); <paramref name="terms"/>: factor and the two means.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientRow<S, V>(int channels, float* dy, float* x, float* mean, float* terms, float* dx, bool replaces)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* rstd = mean + channels, gradient = terms + channels, product = terms + (2 * channels);
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            var n = S.Mul(S.Sub(S.Load(x + c), S.Load(mean + c)), S.Load(rstd + c));
            var d = S.Sub(S.Sub(S.Load(dy + c), S.Load(gradient + c)), S.Mul(n, S.Load(product + c)));
            d = S.Mul(d, S.Load(terms + c));
            S.Store(replaces ? d : S.Add(d, S.Load(dx + c)), dx + c);
        }

        for (; c < channels; c++)
        {
            var d = (dy[c] - gradient[c] - ((x[c] - mean[c]) * rstd[c] * product[c])) * terms[c];
            dx[c] = replaces ? d : dx[c] + d;
        }
    }
}
