using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Elementwise kernels: one driver walks rows and tails, an operator is a struct with a vector form.</summary>
internal static unsafe class ElementwiseCpu
{
    /// <summary>About 32 KB of floats: an item fits the first-level cache.</summary>
    private const int FloatsPerItem = 8192;

    /// <summary>16 MB: a sum of this size leaves the caches before it is read, and a line need not be fetched to be overwritten.</summary>
    private const int StreamedFloats = 4 << 20;

    /// <summary>y = f(a, b) on vectors.</summary>
    private interface IBinary
    {
        V Apply<S, V>(V a, V b)
            where S : struct, ISimd<V>
            where V : struct;
    }

    /// <summary>y = f(x) on vectors.</summary>
    private interface IUnary
    {
        V Apply<S, V>(V x)
            where S : struct, ISimd<V>
            where V : struct;
    }

    public static void Add(CpuDevice device, Tensor a, Tensor b, Tensor y, float scale)
    {
        var streams = y.Length >= StreamedFloats && y.RowStride % 16 == 0 && (nuint)y.Pointer % 64 == 0 && y.Pointer != a.Pointer;
        ForRows(device, a.Rows, a.Columns, (first, count) =>
        {
            for (var r = first; r < first + count; r++)
            {
                float* pa = a.Pointer + ((nint)r * a.RowStride), pb = b.Pointer + ((nint)(r % b.Rows) * b.RowStride);
                AddRow(device.Isa, a.Columns, pa, pb, y.Pointer + ((nint)r * y.RowStride), scale, streams);
            }

            if (streams && Sse.IsSupported) Sse.StoreFence();
        });
    }

    public static void Map(CpuDevice device, Tensor x, Tensor y, Activation activation, float scale, float shift)
    {
        ForRows(device, x.Rows, x.Columns, (first, count) =>
        {
            float* px = x.Pointer + ((nint)first * x.RowStride), py = y.Pointer + ((nint)first * y.RowStride);
            Rows(device.Isa, new Affine(scale, shift), count, x.Columns, px, x.RowStride, py, y.RowStride);
            if (activation != Activation.None) Activate(device.Isa, activation, count, x.Columns, py, y.RowStride);
        });
    }

    public static void MapGradient(
        CpuDevice device, Tensor dy, Tensor saved, Tensor dx, Activation activation, float scale, float shift, bool accumulate)
    {
        ForRows(device, dy.Rows, dy.Columns, (first, count) =>
        {
            for (var r = first; r < first + count; r++)
            {
                float* g = dy.Pointer + ((nint)r * dy.RowStride), s = saved.Pointer + ((nint)r * saved.RowStride);
                GradientRow(device.Isa, activation, dy.Columns, g, s, dx.Pointer + ((nint)r * dx.RowStride), scale, shift, accumulate);
            }
        });
    }

    public static void Threshold(CpuDevice device, Tensor x, Tensor y, float threshold, float low, float high)
    {
        ForRows(device, x.Rows, x.Columns, (first, count) =>
        {
            float* px = x.Pointer + ((nint)first * x.RowStride), py = y.Pointer + ((nint)first * y.RowStride);
            Rows(device.Isa, new ThresholdOperator(threshold, low, high), count, x.Columns, px, x.RowStride, py, y.RowStride);
        });
    }

    /// <summary>Applies an activation in place to rows that are still in cache: the epilogue of fused kernels.</summary>
    public static void Activate(CpuIsa isa, Activation activation, int rows, int columns, float* y, nint stride)
    {
        switch (activation)
        {
            case Activation.Relu: Rows(isa, default(ReluOperator), rows, columns, y, stride, y, stride); break;
            case Activation.Gelu: Rows(isa, default(GeluOperator), rows, columns, y, stride, y, stride); break;
            case Activation.Sigmoid: Rows(isa, default(SigmoidOperator), rows, columns, y, stride, y, stride); break;
            default: break;
        }
    }

    /// <summary>y = a + scale * b for one row; <paramref name="streams"/> stores past the caches, y on a cache line.</summary>
    public static void AddRow(CpuIsa isa, int columns, float* a, float* b, float* y, float scale, bool streams = false)
    {
        switch (isa)
        {
            case CpuIsa.Avx512: AddRow<Simd512, Vector512<float>>(columns, a, b, y, scale, streams); break;
            case CpuIsa.Avx2: AddRow<Simd256, Vector256<float>>(columns, a, b, y, scale, streams); break;
            default: AddRow<Simd128, Vector128<float>>(columns, a, b, y, scale, streams); break;
        }
    }

    /// <summary>dx = (dx +) scale dy f'(...) for one row; see <see cref="Elementwise.MapGradient"/>.</summary>
    private static void GradientRow(
        CpuIsa isa, Activation activation, int columns, float* dy, float* saved, float* dx, float scale, float shift, bool accumulate)
    {
        switch (activation)
        {
            case Activation.Relu: Row(isa, new ReluGradient(scale), columns, dy, saved, dx, accumulate); break;
            case Activation.Gelu: Row(isa, new GeluGradient(scale, shift), columns, dy, saved, dx, accumulate); break;
            case Activation.Sigmoid: Row(isa, new SigmoidGradient(scale), columns, dy, saved, dx, accumulate); break;
            default: Row(isa, new ScaleFirst(scale), columns, dy, saved, dx, accumulate); break;
        }
    }

    private static void Row<T>(CpuIsa isa, T op, int columns, float* a, float* b, float* y, bool accumulate)
        where T : struct, IBinary
    {
        switch (isa)
        {
            case CpuIsa.Avx512: Row<Simd512, Vector512<float>, T>(op, columns, a, b, y, accumulate); break;
            case CpuIsa.Avx2: Row<Simd256, Vector256<float>, T>(op, columns, a, b, y, accumulate); break;
            default: Row<Simd128, Vector128<float>, T>(op, columns, a, b, y, accumulate); break;
        }
    }

    private static void ForRows(CpuDevice device, int rows, int columns, Action<int, int> body)
    {
        var rowsPerItem = Math.Max(1, FloatsPerItem / Math.Max(1, columns));
        device.Pool.For(
            (rows + rowsPerItem - 1) / rowsPerItem,
            (item, _) => body(item * rowsPerItem, Math.Min(rowsPerItem, rows - (item * rowsPerItem))));
    }

    private static void Rows<T>(CpuIsa isa, T op, int rows, int columns, float* x, nint strideX, float* y, nint strideY)
        where T : struct, IUnary
    {
        for (var r = 0; r < rows; r++, x += strideX, y += strideY)
        {
            switch (isa)
            {
                case CpuIsa.Avx512: Row<Simd512, Vector512<float>, T>(op, columns, x, y); break;
                case CpuIsa.Avx2: Row<Simd256, Vector256<float>, T>(op, columns, x, y); break;
                default: Row<Simd128, Vector128<float>, T>(op, columns, x, y); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<S, V, T>(T op, int columns, float* x, float* y)
        where S : struct, ISimd<V>
        where V : struct
        where T : struct, IUnary
    {
        var c = 0;
        for (; c + S.Width <= columns; c += S.Width) S.Store(op.Apply<S, V>(S.Load(x + c)), y + c);
        if (c == columns) return;
        var tail = stackalloc float[S.Width];
        for (var i = 0; i < columns - c; i++) tail[i] = x[c + i];
        S.Store(op.Apply<S, V>(S.Load(tail)), tail);
        for (var i = 0; i < columns - c; i++) y[c + i] = tail[i];
    }

    /// <summary>y = (y +) f(a, b).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<S, V, T>(T op, int columns, float* a, float* b, float* y, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
        where T : struct, IBinary
    {
        var c = 0;
        for (; c + S.Width <= columns; c += S.Width)
        {
            var value = op.Apply<S, V>(S.Load(a + c), S.Load(b + c));
            S.Store(accumulate ? S.Add(value, S.Load(y + c)) : value, y + c);
        }

        if (c == columns) return;
        float* tailA = stackalloc float[S.Width], tailB = stackalloc float[S.Width];
        for (var i = 0; i < columns - c; i++) (tailA[i], tailB[i]) = (a[c + i], b[c + i]);
        S.Store(op.Apply<S, V>(S.Load(tailA), S.Load(tailB)), tailA);
        for (var i = 0; i < columns - c; i++) y[c + i] = tailA[i] + (accumulate ? y[c + i] : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRow<S, V>(int columns, float* a, float* b, float* y, float scale, bool streams)
        where S : struct, ISimd<V>
        where V : struct
    {
        var factor = S.Create(scale);
        var c = 0;
        for (; c + S.Width <= columns; c += S.Width)
        {
            var sum = S.Fma(factor, S.Load(b + c), S.Load(a + c));
            if (streams) S.StoreNonTemporal(sum, y + c);
            else S.Store(sum, y + c);
        }

        for (; c < columns; c++) y[c] = a[c] + (scale * b[c]);
    }

    private readonly struct Affine(float scale, float shift) : IUnary
    {
        public V Apply<S, V>(V x)
            where S : struct, ISimd<V>
            where V : struct => S.Fma(x, S.Create(scale), S.Create(shift));
    }

    private readonly struct ReluOperator : IUnary
    {
        public V Apply<S, V>(V x)
            where S : struct, ISimd<V>
            where V : struct => S.Max(S.Zero, x); // in this order a NaN stays one
    }

    private readonly struct GeluOperator : IUnary
    {
        public V Apply<S, V>(V x)
            where S : struct, ISimd<V>
            where V : struct => VectorMath.Gelu<S, V>(x);
    }

    private readonly struct SigmoidOperator : IUnary
    {
        public V Apply<S, V>(V x)
            where S : struct, ISimd<V>
            where V : struct => VectorMath.Sigmoid<S, V>(x);
    }

    private readonly struct ScaleFirst(float scale) : IBinary
    {
        public V Apply<S, V>(V dy, V saved)
            where S : struct, ISimd<V>
            where V : struct => S.Mul(dy, S.Create(scale));
    }

    private readonly struct ReluGradient(float scale) : IBinary
    {
        public V Apply<S, V>(V dy, V y)
            where S : struct, ISimd<V>
            where V : struct => S.SelectGreater(y, S.Zero, S.Mul(dy, S.Create(scale)), S.Zero);
    }

    private readonly struct SigmoidGradient(float scale) : IBinary
    {
        public V Apply<S, V>(V dy, V y)
            where S : struct, ISimd<V>
            where V : struct => S.Mul(S.Mul(dy, S.Create(scale)), S.Mul(y, S.Sub(S.Create(1f), y)));
    }

    private readonly struct GeluGradient(float scale, float shift) : IBinary
    {
        public V Apply<S, V>(V dy, V x)
            where S : struct, ISimd<V>
            where V : struct =>
            S.Mul(S.Mul(dy, S.Create(scale)), VectorMath.GeluSlope<S, V>(S.Fma(x, S.Create(scale), S.Create(shift))));
    }

    private readonly struct ThresholdOperator(float threshold, float low, float high) : IUnary
    {
        public V Apply<S, V>(V x)
            where S : struct, ISimd<V>
            where V : struct => S.SelectGreater(x, S.Create(threshold), S.Create(high), S.Create(low));
    }
}
