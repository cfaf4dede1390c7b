namespace AuralSam2.Kernels.Ops;

/// <summary>A run of windows is an item; a triangle covers few of the 257 frequencies, and only those are added.</summary>
internal static unsafe class LogMelCpu
{
    private const int FramesPerItem = 64;

    public static void Run(CpuDevice device, Tensor samples, Tensor y)
    {
        var matrix = LogMel.MelMatrix();
        var window = LogMel.HannWindow();
        var triangles = new (int First, double[] Weights)[LogMel.Bands];
        for (var band = 0; band < LogMel.Bands; band++)
        {
            double[] column = [.. Enumerable.Range(0, LogMel.Bins).Select(bin => matrix[(bin * LogMel.Bands) + band])];
            var first = Array.FindIndex(column, w => w > 0);
            triangles[band] = (first, column[first..(Array.FindLastIndex(column, w => w > 0) + 1)]);
        }

        var frames = y.Rows;
        device.Pool.For((frames + FramesPerItem - 1) / FramesPerItem, (item, _) =>
        {
            var fft = new RealFft(LogMel.FftLength);
            double[] windowed = new double[LogMel.FftLength], magnitudes = new double[LogMel.Bins];
            for (var f = item * FramesPerItem; f < Math.Min(frames, (item + 1) * FramesPerItem); f++)
            {
                LogMel.Magnitudes(
                    new ReadOnlySpan<float>(samples.Pointer + ((nint)f * LogMel.HopLength), LogMel.FrameLength),
                    window, fft, windowed, magnitudes);
                var row = y.Pointer + ((nint)f * LogMel.Bands);
                for (var band = 0; band < LogMel.Bands; band++)
                {
                    var (first, weights) = triangles[band];
                    var mel = LogMel.LogOffset;
                    for (var i = 0; i < weights.Length; i++) mel += magnitudes[first + i] * weights[i];
                    row[band] = (float)Math.Log(mel);
                }
            }
        });
    }
}
