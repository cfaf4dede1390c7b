using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Many queries share the keys as in attention. Few queries (one a sound) leave nothing to share: there a run of keys is an item,
/// which reads its keys and values once, and what the runs give is added in their order.
/// </summary>
internal static unsafe class DotProductFusionCpu
{
    /// <summary>Up to here the keys are divided: two tiles of a matrix product, and sums of a run that stay in the first-level cache.</summary>
    private const int FewQueries = 16;

    private const int KeysPerItem = 256;

    public static void Run(CpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, float scale)
    {
        if (q.Rows > FewQueries) AttentionCpu.Run(device, q, k, v, y, heads: 1, batch: 1, linearScale: scale);
        else if (q.Rows > 0) DivideKeys(device, q, k, v, y, scale);
    }

    private static void DivideKeys(CpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, float scale)
    {
        var items = (k.Rows + KeysPerItem - 1) / KeysPerItem;
        using var scope = device.Scope();
        var sums = device.Rent(items, q.Rows, q.Columns);
        device.Pool.For(items, (item, worker) =>
        {
            var first = item * KeysPerItem;
            var count = Math.Min(KeysPerItem, k.Rows - first);
            var weights = device.Scratch(worker, (FewQueries * KeysPerItem) + MaskProductCpu.PanelFloats(device.Isa, q.Columns));
            MaskProductCpu.Products(
                device.Isa, q, count, k.Pointer + ((nint)first * k.RowStride), k.RowStride, weights, KeysPerItem,
                weights + (FewQueries * KeysPerItem));
            var run = new KeyRun
            {
                Queries = q.Rows,
                Channels = q.Columns,
                Values = v.Pointer + ((nint)first * v.RowStride),
                StrideValues = v.RowStride,
                Count = count,
                Scale = scale,
                Weights = weights,
                Sums = sums.Pointer + ((nint)item * q.Rows * q.Columns),
            };
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Run<Simd512, Vector512<float>>(run); break;
                case CpuIsa.Avx2: Run<Simd256, Vector256<float>>(run); break;
                default: Run<Simd128, Vector128<float>>(run); break;
            }
        });

        for (var i = 0; i < q.Rows; i++)
        {
            float* row = y.Pointer + ((nint)i * y.RowStride), sum = sums.Pointer + ((nint)i * q.Columns);
            new ReadOnlySpan<float>(sum, q.Columns).CopyTo(new Span<float>(row, q.Columns));
            for (var item = 1; item < items; item++)
                ElementwiseCpu.AddRow(device.Isa, q.Columns, row, sum + ((nint)item * q.Rows * q.Columns), row, 1f);
        }
    }

    private static void Run<S, V>(in KeyRun run)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var i = 0; i < run.Queries; i++)
            for (var j = 0; j < run.Count; j++) run.Weights[(i * KeysPerItem) + j] *= run.Scale;

        for (var i = 0; i < run.Queries; i += 4) WeightedSums<S, V>(run, i, Math.Min(4, run.Queries - i), run.Channels);
    }

    /// <summary>sums[first + i] = weights[first + i] V for up to four queries, two vectors of channels at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeightedSums<S, V>(in KeyRun run, int first, int queries, int channels)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* w0 = run.Weights + (first * KeysPerItem), w1 = queries > 1 ? w0 + KeysPerItem : w0;
        float* w2 = queries > 2 ? w1 + KeysPerItem : w1, w3 = queries > 3 ? w2 + KeysPerItem : w2;
        var target = run.Sums + ((nint)first * channels);
        var c = 0;
        for (; c + (2 * S.Width) <= channels; c += 2 * S.Width)
        {
            V a0 = S.Zero, a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            var value = run.Values + c;
            for (var j = 0; j < run.Count; j++, value += run.StrideValues)
            {
                V a = S.Load(value), b = S.Load(value + S.Width);
                V x0 = S.Create(w0[j]), x1 = S.Create(w1[j]), x2 = S.Create(w2[j]), x3 = S.Create(w3[j]);
                a0 = S.Fma(x0, a, a0);
                b0 = S.Fma(x0, b, b0);
                a1 = S.Fma(x1, a, a1);
                b1 = S.Fma(x1, b, b1);
                a2 = S.Fma(x2, a, a2);
                b2 = S.Fma(x2, b, b2);
                a3 = S.Fma(x3, a, a3);
                b3 = S.Fma(x3, b, b3);
            }

            Store<S, V>(a0, b0, target + c);
            if (queries > 1) Store<S, V>(a1, b1, target + channels + c);
            if (queries > 2) Store<S, V>(a2, b2, target + (2 * channels) + c);
            if (queries > 3) Store<S, V>(a3, b3, target + (3 * channels) + c);
        }

        for (; c < channels; c++)
        {
            for (var i = 0; i < queries; i++)
            {
                var sum = 0f;
                for (var j = 0; j < run.Count; j++) sum += w0[(i * KeysPerItem) + j] * run.Values[(j * run.StrideValues) + c];
                target[(i * channels) + c] = sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<S, V>(V a, V b, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        S.Store(a, y);
        S.Store(b, y + S.Width);
    }

    /// <summary>All queries against a run of keys.</summary>
    private struct KeyRun
    {
        public int Queries;
        public int Channels;
        public float* Values;
        public nint StrideValues;
        public int Count;
        public float Scale;

        /// <summary>Scratch <c>[queries, KeysPerItem]</c>.</summary>
        public float* Weights;

        /// <summary>Result <c>[queries, channels]</c>.</summary>
        public float* Sums;
    }
}
