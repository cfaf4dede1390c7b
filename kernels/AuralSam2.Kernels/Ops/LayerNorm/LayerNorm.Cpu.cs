using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Layer norm on the CPU: three passes over a row that stays in the first-level cache.</summary>
internal static unsafe class LayerNormCpu
{
    private const int RowsPerItem = 64;

    public static void Run(CpuDevice device, Tensor x, in NormWeights norm, Tensor y, Tensor add, Activation activation)
    {
        var weights = norm;
        device.Pool.For((x.Rows + RowsPerItem - 1) / RowsPerItem, (item, _) =>
        {
            var first = item * RowsPerItem;
            var count = Math.Min(RowsPerItem, x.Rows - first);
            var source = x.Pointer + ((nint)first * x.RowStride);
            var target = y.Pointer + ((nint)first * y.RowStride);
            if (!add.IsEmpty)
            {
                Rows(
                    device.Isa, count, x.Columns, source, x.RowStride,
                    add.Pointer + ((nint)first * add.RowStride), add.RowStride, weights, target, y.RowStride);
            }
            else
            {
                Rows(device.Isa, count, x.Columns, source, x.RowStride, null, 0, weights, target, y.RowStride);
            }

            if (activation != Activation.None) ElementwiseCpu.Activate(device.Isa, activation, count, x.Columns, target, y.RowStride);
        });
    }

    /// <summary>Normalises <paramref name="rows"/> rows of x (+ add) into y; also the prologue of fused matrix products.</summary>
    public static void Rows(
        CpuIsa isa, int rows, int channels, float* x, nint strideX, float* add, nint strideAdd,
        in NormWeights norm, float* y, nint strideY)
    {
        float* weight = norm.Weight.Pointer, bias = norm.Bias.Pointer;
        for (var r = 0; r < rows; r++, x += strideX, y += strideY, add += strideAdd)
        {
            switch (isa)
            {
                case CpuIsa.Avx512: Row<Simd512, System.Runtime.Intrinsics.Vector512<float>>(channels, x, add, weight, bias, norm.Epsilon, y); break;
                case CpuIsa.Avx2: Row<Simd256, System.Runtime.Intrinsics.Vector256<float>>(channels, x, add, weight, bias, norm.Epsilon, y); break;
                default: Row<Simd128, System.Runtime.Intrinsics.Vector128<float>>(channels, x, add, weight, bias, norm.Epsilon, y); break;
            }
        }
    }

    /// <summary>Mean, then the variance around it (no cancellation), then the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<S, V>(int channels, float* x, float* add, float* weight, float* bias, float epsilon, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        if (add != null)
        {
            var a = 0;
            for (; a + S.Width <= channels; a += S.Width) S.Store(S.Add(S.Load(x + a), S.Load(add + a)), y + a);
            for (; a < channels; a++) y[a] = x[a] + add[a];
            x = y;
        }

        var whole = channels / S.Width * S.Width;
        V sum0 = S.Zero, sum1 = S.Zero;
        var c = 0;
        for (; c + (2 * S.Width) <= whole; c += 2 * S.Width)
        {
            sum0 = S.Add(sum0, S.Load(x + c));
            sum1 = S.Add(sum1, S.Load(x + c + S.Width));
        }

        if (c < whole) sum0 = S.Add(sum0, S.Load(x + c));
        var total = S.Sum(S.Add(sum0, sum1));
        for (c = whole; c < channels; c++) total += x[c];
        var mean = total / channels;

        var center = S.Create(mean);
        sum0 = sum1 = S.Zero;
        for (c = 0; c + (2 * S.Width) <= whole; c += 2 * S.Width)
        {
            var d0 = S.Sub(S.Load(x + c), center);
            var d1 = S.Sub(S.Load(x + c + S.Width), center);
            sum0 = S.Fma(d0, d0, sum0);
            sum1 = S.Fma(d1, d1, sum1);
        }

        if (c < whole)
        {
            var d = S.Sub(S.Load(x + c), center);
            sum0 = S.Fma(d, d, sum0);
        }

        var squares = S.Sum(S.Add(sum0, sum1));
        for (c = whole; c < channels; c++) squares += (x[c] - mean) * (x[c] - mean);
        var rstd = 1f / MathF.Sqrt((squares / channels) + epsilon);

        var scale = S.Create(rstd);
        for (c = 0; c < whole; c += S.Width)
            S.Store(S.Fma(S.Mul(S.Sub(S.Load(x + c), center), scale), S.Load(weight + c), S.Load(bias + c)), y + c);
        for (; c < channels; c++) y[c] = ((x[c] - mean) * rstd * weight[c]) + bias[c];
    }
}
