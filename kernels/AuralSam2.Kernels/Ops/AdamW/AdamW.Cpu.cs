using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>AdamW on the CPU, bound by memory: four streams in, three out, shared out in pieces that fit the first-level cache.</summary>
internal static unsafe class AdamWCpu
{
    /// <summary>Elements of an item: a multiple of every vector, so that only the last item has a tail.</summary>
    private const int Stretch = 4096;

    public static void Run(CpuDevice device, Tensor value, Tensor gradient, Tensor mean, Tensor square, in AdamWFactors factors)
    {
        var (length, f) = (value.Length, factors);
        device.Pool.For(checked((int)((length + Stretch - 1) / Stretch)), (item, _) =>
        {
            var first = (nint)item * Stretch;
            var count = (int)Math.Min(Stretch, length - first);
            Streams at = new(value.Pointer + first, gradient.Pointer + first, mean.Pointer + first, square.Pointer + first);
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Run<Simd512, Vector512<float>>(at, count, f); break;
                case CpuIsa.Avx2: Run<Simd256, Vector256<float>>(at, count, f); break;
                default: Run<Simd128, Vector128<float>>(at, count, f); break;
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<S, V>(Streams at, int count, in AdamWFactors f)
        where S : struct, ISimd<V>
        where V : struct
    {
        V scale = S.Create(f.GradientScale), keep = S.Create(f.Keep), meanWeight = S.Create(f.MeanWeight);
        V squareKeep = S.Create(f.SquareKeep), squareWeight = S.Create(f.SquareWeight);
        V rootScale = S.Create(f.RootScale), epsilon = S.Create(f.Epsilon), move = S.Create(f.Move);
        var i = 0;
        for (; i + S.Width <= count; i += S.Width) Step(at.From(i));
        if (i == count) return;

        var tails = stackalloc float[4 * S.Width];
        Streams tail = new(tails, tails + S.Width, tails + (2 * S.Width), tails + (3 * S.Width));
        at.From(i).CopyTo(tail, count - i);
        Step(tail);
        tail.CopyTo(at.From(i), count - i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(Streams at)
        {
            var g = S.Mul(S.Load(at.Gradient), scale);
            var oldMean = S.Load(at.Mean);
            var mean = S.Fma(meanWeight, S.Sub(g, oldMean), oldMean);
            var square = S.Fma(S.Mul(squareWeight, g), g, S.Mul(squareKeep, S.Load(at.Square)));
            var root = S.Add(S.Div(S.Sqrt(square), rootScale), epsilon);
            var value = S.Add(S.Mul(S.Load(at.Value), keep), S.Div(S.Mul(move, mean), root));
            S.Store(mean, at.Mean);
            S.Store(square, at.Square);
            S.Store(value, at.Value);
        }
    }

    /// <summary>A place in the four arrays.</summary>
    private readonly struct Streams(float* value, float* gradient, float* mean, float* square)
    {
        public readonly float* Value = value;
        public readonly float* Gradient = gradient;
        public readonly float* Mean = mean;
        public readonly float* Square = square;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Streams From(nint i) => new(Value + i, Gradient + i, Mean + i, Square + i);

        /// <summary>Copies the first elements of all four.</summary>
        public void CopyTo(Streams other, int count)
        {
            for (var i = 0; i < count; i++)
                (other.Value[i], other.Gradient[i], other.Mean[i], other.Square[i]) = (Value[i], Gradient[i], Mean[i], Square[i]);
        }
    }
}
