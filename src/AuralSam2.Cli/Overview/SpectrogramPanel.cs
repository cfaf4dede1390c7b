using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>The clip's sound as the model hears it, over the whole width, with the frames' positions marked.</summary>
/// <param name="letters">Type.</param>
/// <param name="panel">Where the spectrogram goes; markers stand above, labels below and left of it.</param>
/// <param name="seconds">Time that the panel's width stands for.</param>
internal sealed class SpectrogramPanel(Lettering letters, SKRect panel, double seconds)
{
    private const int Bands = 64;
    private const double LowestHz = 125;
    private const double HighestHz = 7500;
    private const double FrameSeconds = 0.010;
    private const double WindowSeconds = 0.025;

    /// <summary>Silence: the front-end takes log(mel + 0.01).</summary>
    private const float Floor = -4.6052f;

    /// <summary>Distance of the markers' numbers from the panel.</summary>
    private const float MarkerRise = 14;

    private const float LabelSize = 11;

    private static readonly double[] LabelledHz = [250, 500, 1000, 2000, 4000];

    /// <summary>Draws everything.</summary>
    /// <param name="canvas">Canvas.</param>
    /// <param name="mel">The spectrogram.</param>
    /// <param name="marks">Seconds and number of every frame that the overview shows, in ascending order.</param>
    public void Draw(SKCanvas canvas, LogMel mel, IEnumerable<(double Seconds, int Number)> marks)
    {
        using (var ground = new SKPaint { Color = Palette.NoSound }) canvas.DrawRect(panel, ground);
        DrawSound(canvas, mel);
        DrawFrequencies(canvas);
        DrawTimes(canvas);
        DrawMarks(canvas, marks);
    }

    private void DrawSound(SKCanvas canvas, LogMel mel)
    {
        if (mel.Frames == 0) return;
        var columns = Math.Min(mel.Frames, (int)panel.Width * 2);
        var loudest = Loudest(mel.Values);
        using var picture = new SKBitmap(columns, Bands, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (var c = 0; c < columns; c++)
        {
            var (from, to) = ((int)((long)c * mel.Frames / columns), (int)((c + 1L) * mel.Frames / columns));
            for (var band = 0; band < Bands; band++)
            {
                var sum = 0f;
                for (var f = from; f < to; f++) sum += mel.Values[f * Bands + band];
                picture.SetPixel(c, Bands - 1 - band, Palette.Loudness((sum / (to - from) - Floor) / (loudest - Floor)));
            }
        }

        using var image = SKImage.FromBitmap(picture);
        // Drawn from where a window begins, so that an onset stands where it is heard; the last window reaches beyond its hop.
        var right = Math.Min(panel.Right, X(mel.Frames * FrameSeconds + WindowSeconds));
        canvas.DrawImage(
            image, new SKRect(panel.Left, Y(HighestHz), right, Y(LowestHz)), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.None));
    }

    /// <summary>The level that becomes the brightest colour: near the maximum, yet not set by a single click.</summary>
    private static float Loudest(float[] values)
    {
        const double share = 0.998;
        const float leastRange = 2;
        var sorted = (float[])values.Clone();
        Array.Sort(sorted);
        return Math.Max(Floor + leastRange, sorted[(int)((sorted.Length - 1) * share)]);
    }

    private void DrawFrequencies(SKCanvas canvas)
    {
        using var tick = new SKPaint { Color = Palette.Faint, StrokeWidth = 1, IsAntialias = true };
        foreach (var hz in LabelledHz)
        {
            canvas.DrawLine(panel.Left - 4, Y(hz), panel.Left, Y(hz), tick);
            letters.Draw(canvas, hz < 1000 ? $"{hz}" : $"{hz / 1000}k", panel.Left - 8, Y(hz) + 4, LabelSize, Palette.Quiet, SKTextAlign.Right);
        }

        letters.Draw(canvas, "Hz", panel.Left - 8, panel.Top + 8, LabelSize, Palette.Faint, SKTextAlign.Right);
    }

    private void DrawTimes(SKCanvas canvas)
    {
        using var tick = new SKPaint { Color = Palette.Faint, StrokeWidth = 1, IsAntialias = true };
        var step = TickSeconds(seconds);
        for (var i = 0; i * step <= seconds * 1.0001; i++)
        {
            var x = X(i * step);
            canvas.DrawLine(x, panel.Bottom, x, panel.Bottom + 4, tick);
            letters.Draw(canvas, i == 0 ? "0 s" : $"{Math.Round(i * step, 3)}", x, panel.Bottom + 18, LabelSize, Palette.Quiet, SKTextAlign.Center);
        }
    }

    /// <summary>1, 2 or 5 times a power of ten, so that at most a dozen labels stand below the panel.</summary>
    private static double TickSeconds(double seconds)
    {
        const int most = 12;
        var power = Math.Pow(10, Math.Floor(Math.Log10(seconds / most)));
        return new[] { 1, 2, 5, 10 }.Select(m => m * power).First(step => seconds / step <= most);
    }

    private void DrawMarks(SKCanvas canvas, IEnumerable<(double Seconds, int Number)> marks)
    {
        using var halo = new SKPaint { Color = new SKColor(0, 0, 0, 110), StrokeWidth = 3.5f, IsAntialias = true };
        using var line = new SKPaint { Color = Palette.Marker, StrokeWidth = 1.5f, IsAntialias = true };
        var taken = float.NegativeInfinity;
        foreach (var (at, number) in marks)
        {
            var x = X(at);
            canvas.DrawLine(x, panel.Top, x, panel.Bottom, halo);
            canvas.DrawLine(x, panel.Top - 5, x, panel.Bottom, line);
            var center = new SKPoint(x, panel.Top - MarkerRise);
            var pill = letters.PillAt($"{number}", center, LabelSize);
            if (pill.Left < taken + 3) continue;
            letters.DrawPill(canvas, $"{number}", center, LabelSize, Palette.Ink, Palette.Ground);
            taken = pill.Right;
        }
    }

    private float X(double at) => panel.Left + (float)(at / seconds) * panel.Width;

    /// <summary>Height of a frequency: the bands are evenly spaced in mel.</summary>
    private float Y(double hz) => panel.Bottom - (float)((Mel(hz) - Mel(LowestHz)) / (Mel(HighestHz) - Mel(LowestHz))) * panel.Height;

    private static double Mel(double hz) => 1127 * Math.Log(1 + hz / 700);
}
