using System.Numerics;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A run of windows is an item, and each lane of a vector has its own window; a triangle covers few of the 257 frequencies, and only
/// those are added.
/// </summary>
internal static unsafe class LogMelCpu
{
    private const int FramesPerItem = 32;

    /// <summary>Of every band the first frequency under its triangle, and the weights from there on.</summary>
    private static readonly (int First, double[] Weights)[] Triangles = MakeTriangles();

    /// <summary>Tables and buffers of a thread, which outlives the call.</summary>
    [ThreadStatic]
    private static WindowSpectra? ofThisThread;

    public static void Run(CpuDevice device, Tensor samples, Tensor y)
    {
        var frames = y.Rows;
        device.Pool.For((frames + FramesPerItem - 1) / FramesPerItem, (item, _) =>
        {
            var spectra = ofThisThread ??= new WindowSpectra();
            var end = Math.Min(frames, (item + 1) * FramesPerItem);
            for (var f = item * FramesPerItem; f < end; f += WindowSpectra.Lanes)
            {
                var count = Math.Min(WindowSpectra.Lanes, end - f);
                var start = f * LogMel.HopLength;
                var magnitudes = spectra.Magnitudes(new ReadOnlySpan<float>(samples.Pointer + start, samples.Columns - start), count);
                var row = y.Pointer + ((nint)f * LogMel.Bands);
                for (var band = 0; band < LogMel.Bands; band++)
                {
                    var (first, weights) = Triangles[band];
                    var mel = new Vector<double>(LogMel.LogOffset);
                    for (var i = 0; i < weights.Length; i++) mel += magnitudes[first + i] * weights[i];
                    mel = Vector.Log(mel);
                    for (var w = 0; w < count; w++) row[(w * LogMel.Bands) + band] = (float)mel[w];
                }
            }
        });
    }

    private static (int First, double[] Weights)[] MakeTriangles()
    {
        var matrix = LogMel.MelMatrix();
        var triangles = new (int First, double[] Weights)[LogMel.Bands];
        for (var band = 0; band < LogMel.Bands; band++)
        {
            double[] column = [.. Enumerable.Range(0, LogMel.Bins).Select(bin => matrix[(bin * LogMel.Bands) + band])];
            var first = Array.FindIndex(column, w => w > 0);
            triangles[band] = (first, column[first..(Array.FindLastIndex(column, w => w > 0) + 1)]);
        }

        return triangles;
    }
}
