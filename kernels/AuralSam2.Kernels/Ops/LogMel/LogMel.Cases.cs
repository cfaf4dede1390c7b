using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>One window, sounds that end between two windows, silence; the reference transforms by the definition of the Fourier transform.</summary>
internal static class LogMelCases
{
    /// <summary>Float64 on both sides: what is left is the one rounding to float32.</summary>
    private const double Budget = 1e-7;

    public static IEnumerable<OpCase> All()
    {
        yield return Of(LogMel.FrameLength) with { Tiny = true };
        yield return Of(LogMel.FrameLength - 1) with { Tiny = true };
        yield return Of(LogMel.FrameLength + (3 * LogMel.HopLength) - 1) with { Tiny = true };
        yield return Of(2999);
        yield return Of(LogMel.ExampleLength);
        yield return Of(1000, scale: 0) with { Tiny = true };

        yield return Of(80000) with { Real = true }; // 5 s
    }

    private static OpCase Of(int samples, double scale = 1)
    {
        var frames = LogMel.FrameCount(samples);
        return new OpCase
        {
            Op = "LogMel",
            Label = $"{samples} samples{(scale == 0 ? ", silence" : "")}",
            Operands = [new("samples", OperandRole.Input, [samples], scale, Constant: true), new("y", OperandRole.Output, [frames, LogMel.Bands])],
            Flops = LogMel.Flops(frames),
            Bytes = 4.0 * (samples + (frames * LogMel.Bands)),
            Budget = Budget,
            Bind = (device, t) => new OpCall(() => LogMel.Forward(device, t[0], t[1])),
            Reference = v => Reference(v[0], frames, v[1]),
        };
    }

    private static void Reference(double[] samples, int frames, double[] y)
    {
        static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));
        double low = Mel(125), step = (Mel(7500) - low) / 65;
        for (var f = 0; f < frames; f++)
        {
            var magnitudes = new double[257];
            for (var bin = 0; bin < 257; bin++)
            {
                double re = 0, im = 0;
                for (var n = 0; n < 400; n++)
                {
                    var windowed = samples[(f * 160) + n] * (0.5 - (0.5 * Math.Cos(2 * Math.PI * n / 400)));
                    re += windowed * Math.Cos(2 * Math.PI * bin * n / 512);
                    im -= windowed * Math.Sin(2 * Math.PI * bin * n / 512);
                }

                magnitudes[bin] = Math.Sqrt((re * re) + (im * im));
            }

            for (var band = 0; band < 64; band++)
            {
                var sum = 0.01;
                for (var bin = 1; bin < 257; bin++)
                {
                    var mel = Mel(bin * 16000.0 / 512);
                    sum += magnitudes[bin] * Math.Max(0, Math.Min((mel - (low + (band * step))) / step, (low + ((band + 2) * step) - mel) / step));
                }

                y[(f * 64) + band] = Math.Log(sum);
            }
        }
    }
}
