using System.Numerics;
using System.Runtime.CompilerServices;

namespace AuralSam2.Kernels;

/// <summary>
/// Which elements a dropout keeps: a counter-based generator. An element's number depends on the op's key and on its own index only, so
/// every device and every thread finds the same, in any order and as often as it likes.
/// </summary>
/// <remarks>
/// The upper half of an index names a row, whose 64-bit key is SplitMix64's output function (Steele, Lea and Flood 2014) of the op's key and
/// the row. The lower half passes through three rounds of xor-shift and multiplication (Wellons' constants) with half of the row's key
/// before the first and half before the last: 32-bit arithmetic, of which a vector does a lane each.
/// </remarks>
internal static unsafe class DropoutMask
{
    private const uint First = 0x7FEB352D, Second = 0x846CA68B, Third = 0xAC4C1B51;

    /// <summary>What numbers must reach to be kept: a share <paramref name="rate"/> does not.</summary>
    public static uint Threshold(float rate) => (uint)(rate * 4294967296.0);

    /// <summary>A well-mixed key from two numbers: of a step and an op in it, of an op and a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix(ulong key, ulong counter)
    {
        var z = key + ((counter + 1) * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Whether an element is kept.</summary>
    /// <param name="key">Of the op: <see cref="Tape.NextDropoutKey"/>.</param>
    /// <param name="index">Of the element; rows, where an op has them, in the upper 32 bits.</param>
    /// <param name="threshold">See <see cref="Threshold"/>; 0 keeps everything.</param>
    public static bool Keeps(ulong key, ulong index, uint threshold)
    {
        var row = Mix(key, index >> 32);
        var x = (uint)index ^ (uint)row;
        x = (x ^ (x >> 16)) * First;
        x = (x ^ (x >> 15)) * Second;
        x = (x ^ (x >> 16) ^ (uint)(row >> 32)) * Third;
        return (x ^ (x >> 15)) >= threshold;
    }

    /// <summary>values[i] = kept ? factor values[i] : 0 for the elements from <paramref name="index"/> on, all of one row.</summary>
    public static void Apply(ulong key, ulong index, int count, uint threshold, float factor, float* values)
    {
        var row = Mix(key, index >> 32);
        Vector<uint> low = new((uint)row), high = new((uint)(row >> 32)), limit = new(threshold);
        var scale = new Vector<float>(factor);
        var i = 0;
        for (; i + Vector<uint>.Count <= count; i += Vector<uint>.Count)
        {
            var column = Vector<uint>.Indices + new Vector<uint>((uint)index + (uint)i);
            var kept = Vector.GreaterThanOrEqual(Number(column, low, high), limit);
            Vector.Store(Vector.ConditionalSelect(kept.As<uint, float>(), Vector.Load(values + i) * scale, Vector<float>.Zero), values + i);
        }

        for (; i < count; i++) values[i] = Keeps(key, index + (ulong)i, threshold) ? factor * values[i] : 0;
    }

    /// <summary>
    /// factors[i] = row i keeps a column ? factor : 0. Rows are given by the halves of their keys; <paramref name="count"/> is rounded up to
    /// whole vectors.
    /// </summary>
    public static void Column(uint* low, uint* high, uint column, int count, uint threshold, float factor, float* factors)
    {
        Vector<uint> limit = new(threshold), same = new(column);
        var scale = new Vector<float>(factor);
        for (var i = 0; i < count; i += Vector<uint>.Count)
        {
            var kept = Vector.GreaterThanOrEqual(Number(same, Vector.Load(low + i), Vector.Load(high + i)), limit);
            Vector.Store(Vector.ConditionalSelect(kept.As<uint, float>(), scale, Vector<float>.Zero), factors + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Number(Vector<uint> column, Vector<uint> low, Vector<uint> high)
    {
        var x = column ^ low;
        x = (x ^ (x >>> 16)) * First;
        x = (x ^ (x >>> 15)) * Second;
        x = (x ^ (x >>> 16) ^ high) * Third;
        return x ^ (x >>> 15);
    }
}
