using System.Numerics;
using System.Runtime.InteropServices;

namespace AuralSam2.Kernels.Ops;

/// <summary>Magnitudes of the transforms of a few windows that follow each other, one in each lane of a vector.</summary>
internal sealed class WindowSpectra
{
    private static readonly double[] Window = LogMel.HannWindow();

    private readonly RealFft fft = new(LogMel.FftLength);
    private readonly Vector<double>[] windowed = new Vector<double>[LogMel.FftLength]; // the last 112 stay zero
    private readonly Vector<double>[] magnitudes = new Vector<double>[LogMel.Bins];

    /// <summary>Windows at a time.</summary>
    public static int Lanes => Vector<double>.Count;

    /// <summary>Transforms windows; lanes beyond them hold what was there.</summary>
    /// <param name="samples">From the first sample of the first window on.</param>
    /// <param name="windows">Windows, at most <see cref="Lanes"/>.</param>
    /// <returns><c>[257]</c>, a lane for each window; valid until the next call.</returns>
    public ReadOnlySpan<Vector<double>> Magnitudes(ReadOnlySpan<float> samples, int windows)
    {
        var lanes = MemoryMarshal.Cast<Vector<double>, double>(windowed.AsSpan());
        for (var w = 0; w < windows; w++)
        {
            var source = samples.Slice(w * LogMel.HopLength, LogMel.FrameLength);
            for (var i = 0; i < source.Length; i++) lanes[(i * Lanes) + w] = source[i] * Window[i];
        }

        fft.Magnitude(windowed, magnitudes);
        return magnitudes;
    }
}
