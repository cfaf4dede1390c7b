using System.Numerics;
using System.Runtime.InteropServices;

namespace AuralSam2.PostProcessing;

/// <summary>Logits against a threshold.</summary>
internal static class MaskThreshold
{
    /// <summary>255 where a logit is above a threshold, otherwise 0 (also for a NaN).</summary>
    /// <param name="logits">Logits.</param>
    /// <param name="threshold">What they are compared with.</param>
    /// <param name="mask">As many pixels.</param>
    public static void Above(ReadOnlySpan<float> logits, float threshold, Span<byte> mask)
    {
        var lanes = MemoryMarshal.Cast<float, Vector<float>>(logits);
        var blocks = MemoryMarshal.Cast<byte, Vector<sbyte>>(mask);
        var limit = new Vector<float>(threshold);
        for (var b = 0; b < blocks.Length; b++)
        {
            // All bits of a lane are set where it is greater; narrowing keeps that.
            var (first, second, third, fourth) = (lanes[4 * b], lanes[(4 * b) + 1], lanes[(4 * b) + 2], lanes[(4 * b) + 3]);
            blocks[b] = Vector.Narrow(
                Vector.Narrow(Vector.GreaterThan(first, limit), Vector.GreaterThan(second, limit)),
                Vector.Narrow(Vector.GreaterThan(third, limit), Vector.GreaterThan(fourth, limit)));
        }

        for (var i = blocks.Length * Vector<sbyte>.Count; i < mask.Length; i++) mask[i] = logits[i] > threshold ? byte.MaxValue : byte.MinValue;
    }

    /// <summary>
    /// How little a mask depends on its threshold: pixels of the strict mask, cut at <paramref name="offset"/>, over those of the
    /// generous one, cut at its negative, which is their IoU. NaN where even the generous one is empty.
    /// </summary>
    public static float Stability(ReadOnlySpan<float> logits, float offset) => (float)Count(logits, offset) / Count(logits, -offset);

    private static int Count(ReadOnlySpan<float> logits, float threshold)
    {
        var lanes = MemoryMarshal.Cast<float, Vector<float>>(logits);
        var (limit, greater) = (new Vector<float>(threshold), Vector<int>.Zero);
        foreach (var lane in lanes) greater -= Vector.GreaterThan(lane, limit);
        var count = Vector.Sum(greater);
        for (var i = lanes.Length * Vector<float>.Count; i < logits.Length; i++) count += logits[i] > threshold ? 1 : 0;
        return count;
    }
}
