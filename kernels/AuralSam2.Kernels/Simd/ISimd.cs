using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace AuralSam2.Kernels.Simd;

/// <summary>
/// One vector width. A kernel is written once, generic in <typeparamref name="V"/>; the JIT compiles it for each width and every
/// call here becomes one instruction or a few.
/// </summary>
internal unsafe interface ISimd<V>
    where V : struct
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Width { get; }

    /// <summary>Rows of a matrix-product tile: with three vectors of columns, 24 accumulators fit in 32 registers and 12 in 16.</summary>
    static abstract int TileRows { get; }

    static abstract V Zero { get; }

    static abstract V Create(float value);

    static abstract V Load(float* p);

    static abstract void Store(V value, float* p);

    /// <summary>Stores past the caches; <paramref name="p"/> lies on a whole vector.</summary>
    static abstract void StoreNonTemporal(V value, float* p);

    /// <summary>Half a vector of floats, each twice: p0 p0 p1 p1 ...</summary>
    static abstract V LoadTwice(float* p);

    /// <summary>Four floats of every fourth row: those at p, at p + 4 stride, and so on.</summary>
    static abstract V LoadQuads(float* p, nint stride);

    /// <summary>Per four lanes a0 b0 a1 b1.</summary>
    static abstract V ZipLow(V a, V b);

    /// <summary>Per four lanes a2 b2 a3 b3.</summary>
    static abstract V ZipHigh(V a, V b);

    /// <summary>a1 a0 a3 a2 ...</summary>
    static abstract V SwapPairs(V a);

    static abstract V Add(V a, V b);

    static abstract V Sub(V a, V b);

    static abstract V Mul(V a, V b);

    static abstract V Div(V a, V b);

    static abstract V Max(V a, V b);

    /// <summary>The larger; NaN where either is. On x86 <see cref="Max"/> is shorter, and keeps a NaN only in b.</summary>
    static abstract V MaxOrNaN(V a, V b);

    static abstract V Min(V a, V b);

    /// <summary>Per lane a &gt; b ? yes : no, so <paramref name="no"/> where either is NaN.</summary>
    static abstract V SelectGreater(V a, V b, V yes, V no);

    static abstract V Sqrt(V a);

    /// <summary>a * b + c, rounded once where the processor can.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>Nearest integer, ties to even.</summary>
    static abstract V Round(V a);

    /// <summary>p * 2^n for integral n within the range of normal exponents.</summary>
    static abstract V Scale(V p, V n);

    static abstract float Sum(V a);

    static abstract float MaxOf(V a);

    /// <summary>a with <paramref name="fill"/> in the lanes from <paramref name="count"/> on.</summary>
    static abstract V Keep(V a, int count, float fill);
}

internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Width => 16;

    public static int TileRows => 8;

    public static Vector512<float> Zero => Vector512<float>.Zero;

    public static Vector512<float> Create(float value) => Vector512.Create(value);

    public static Vector512<float> Load(float* p) => Vector512.Load(p);

    public static void Store(Vector512<float> value, float* p) => value.Store(p);

    public static void StoreNonTemporal(Vector512<float> value, float* p) => value.StoreAlignedNonTemporal(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadTwice(float* p) =>
        Vector512.Shuffle(Vector256.Load(p).ToVector512Unsafe(), Vector512.Create(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadQuads(float* p, nint stride) =>
        Vector512.Create(Simd256.LoadQuads(p, stride), Simd256.LoadQuads(p + (8 * stride), stride));

    public static Vector512<float> ZipLow(Vector512<float> a, Vector512<float> b) => Avx512F.UnpackLow(a, b);

    public static Vector512<float> ZipHigh(Vector512<float> a, Vector512<float> b) => Avx512F.UnpackHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SwapPairs(Vector512<float> a) =>
        Vector512.Shuffle(a, Vector512.Create(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));

    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    public static Vector512<float> Sub(Vector512<float> a, Vector512<float> b) => a - b;

    public static Vector512<float> Mul(Vector512<float> a, Vector512<float> b) => a * b;

    public static Vector512<float> Div(Vector512<float> a, Vector512<float> b) => a / b;

    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Avx512F.Max(a, b);

    public static Vector512<float> MaxOrNaN(Vector512<float> a, Vector512<float> b) => Vector512.Max(a, b);

    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Avx512F.Min(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectGreater(Vector512<float> a, Vector512<float> b, Vector512<float> yes, Vector512<float> no) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(a, b), yes, no);

    public static Vector512<float> Sqrt(Vector512<float> a) => Vector512.Sqrt(a);

    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Avx512F.FusedMultiplyAdd(a, b, c);

    public static Vector512<float> Round(Vector512<float> a) => Avx512F.RoundScale(a, 0);

    public static Vector512<float> Scale(Vector512<float> p, Vector512<float> n) => Avx512F.Scale(p, n);

    public static float Sum(Vector512<float> a) => Vector512.Sum(a);

    public static float MaxOf(Vector512<float> a) => Simd256.MaxOf(Vector256.Max(a.GetLower(), a.GetUpper()));

    public static Vector512<float> Keep(Vector512<float> a, int count, float fill) =>
        Vector512.ConditionalSelect(Vector512.LessThan(Vector512<float>.Indices, Vector512.Create((float)count)), a, Vector512.Create(fill));
}

internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Width => 8;

    public static int TileRows => 4;

    public static Vector256<float> Zero => Vector256<float>.Zero;

    public static Vector256<float> Create(float value) => Vector256.Create(value);

    public static Vector256<float> Load(float* p) => Vector256.Load(p);

    public static void Store(Vector256<float> value, float* p) => value.Store(p);

    public static void StoreNonTemporal(Vector256<float> value, float* p) => value.StoreAlignedNonTemporal(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadTwice(float* p) =>
        Vector256.Shuffle(Vector128.Load(p).ToVector256Unsafe(), Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadQuads(float* p, nint stride) =>
        Vector256.Create(Simd128.LoadQuads(p, stride), Simd128.LoadQuads(p + (4 * stride), stride));

    public static Vector256<float> ZipLow(Vector256<float> a, Vector256<float> b) => Avx.UnpackLow(a, b);

    public static Vector256<float> ZipHigh(Vector256<float> a, Vector256<float> b) => Avx.UnpackHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SwapPairs(Vector256<float> a) => Vector256.Shuffle(a, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6));

    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    public static Vector256<float> Sub(Vector256<float> a, Vector256<float> b) => a - b;

    public static Vector256<float> Mul(Vector256<float> a, Vector256<float> b) => a * b;

    public static Vector256<float> Div(Vector256<float> a, Vector256<float> b) => a / b;

    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    public static Vector256<float> MaxOrNaN(Vector256<float> a, Vector256<float> b) => Vector256.Max(a, b);

    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectGreater(Vector256<float> a, Vector256<float> b, Vector256<float> yes, Vector256<float> no) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), yes, no);

    public static Vector256<float> Sqrt(Vector256<float> a) => Vector256.Sqrt(a);

    public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    public static Vector256<float> Round(Vector256<float> a) => Vector256.Round(a);

    public static Vector256<float> Scale(Vector256<float> p, Vector256<float> n) =>
        p * ((Vector256.ConvertToInt32(n) + Vector256.Create(127)) << 23).AsSingle();

    public static float Sum(Vector256<float> a) => Vector256.Sum(a);

    public static float MaxOf(Vector256<float> a) => Simd128.MaxOf(Vector128.Max(a.GetLower(), a.GetUpper()));

    public static Vector256<float> Keep(Vector256<float> a, int count, float fill) =>
        Vector256.ConditionalSelect(Vector256.LessThan(Vector256<float>.Indices, Vector256.Create((float)count)), a, Vector256.Create(fill));
}

internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Width => 4;

    public static int TileRows => 4;

    public static Vector128<float> Zero => Vector128<float>.Zero;

    public static Vector128<float> Create(float value) => Vector128.Create(value);

    public static Vector128<float> Load(float* p) => Vector128.Load(p);

    public static void Store(Vector128<float> value, float* p) => value.Store(p);

    public static void StoreNonTemporal(Vector128<float> value, float* p) => value.StoreAlignedNonTemporal(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadTwice(float* p) =>
        Vector128.Shuffle(Vector64.Load(p).ToVector128Unsafe(), Vector128.Create(0, 0, 1, 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadQuads(float* p, nint stride) => Vector128.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SwapPairs(Vector128<float> a) => Vector128.Shuffle(a, Vector128.Create(1, 0, 3, 2));

    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    public static Vector128<float> Sub(Vector128<float> a, Vector128<float> b) => a - b;

    public static Vector128<float> Mul(Vector128<float> a, Vector128<float> b) => a * b;

    public static Vector128<float> Div(Vector128<float> a, Vector128<float> b) => a / b;

    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    public static Vector128<float> MaxOrNaN(Vector128<float> a, Vector128<float> b) => Vector128.Max(a, b);

    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectGreater(Vector128<float> a, Vector128<float> b, Vector128<float> yes, Vector128<float> no) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), yes, no);

    public static Vector128<float> Sqrt(Vector128<float> a) => Vector128.Sqrt(a);

    public static Vector128<float> Fma(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    public static Vector128<float> Round(Vector128<float> a) => Vector128.Round(a);

    public static Vector128<float> Scale(Vector128<float> p, Vector128<float> n) =>
        p * ((Vector128.ConvertToInt32(n) + Vector128.Create(127)) << 23).AsSingle();

    public static float Sum(Vector128<float> a) => Vector128.Sum(a);

    public static float MaxOf(Vector128<float> a) => MathF.Max(MathF.Max(a[0], a[1]), MathF.Max(a[2], a[3]));

    public static Vector128<float> Keep(Vector128<float> a, int count, float fill) =>
        Vector128.ConditionalSelect(Vector128.LessThan(Vector128<float>.Indices, Vector128.Create((float)count)), a, Vector128.Create(fill));
}
