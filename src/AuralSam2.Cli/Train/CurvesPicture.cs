using AuralSam2.Training;
using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>The curves of a run, one below the other over its steps: the loss, its terms as they are weighted, scores, the learning rate.</summary>
internal sealed class CurvesPicture
{
    /// <summary>Pixels per unit of layout: sharp on dense screens.</summary>
    private const int Sharpness = 2;

    private const float Width = 1200;
    private const float Height = 1180;
    private const float Left = 96;
    private const float Right = Width - 150;
    private const float LabelSize = 12.5f;

    /// <summary>Points that a curve is drawn with at most: a run may have a hundred thousand steps.</summary>
    private const int MostPoints = 1200;

    /// <summary>A point of a smoothed curve is the mean of this share of all points, those before it, and of at least so many.</summary>
    private const double SmoothingShare = 0.02;

    private const int LeastSmoothing = 9;

    private readonly SKCanvas canvas;
    private readonly Lettering letters;
    private readonly long steps;

    private CurvesPicture(SKCanvas canvas, Lettering letters, long steps) => (this.canvas, this.letters, this.steps) = (canvas, letters, steps);

    /// <summary>Draws the log and writes the PNG, whole or not at all.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(TrainingFolder folder, TrainingSettings settings, IReadOnlyList<LogLine> log)
    {
        using var surface = SKSurface.Create(
            new SKImageInfo((int)Width * Sharpness, (int)Height * Sharpness, SKColorType.Rgba8888, SKAlphaType.Opaque));
        surface.Canvas.Clear(Palette.Ground);
        surface.Canvas.Scale(Sharpness);
        using var letters = new Lettering();
        StepLine[] steps = [.. log.OfType<StepLine>()];
        new CurvesPicture(surface.Canvas, letters, Math.Max(1, steps.Length)).Draw(settings, steps, [.. log.OfType<EpochLine>()]);
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        using (var file = File.Create(folder.CurvesDraft)) png.SaveTo(file);
        File.Move(folder.CurvesDraft, folder.Curves, overwrite: true);
    }

    private void Draw(TrainingSettings settings, StepLine[] lines, EpochLine[] epochs)
    {
        letters.Draw(canvas, $"Training on {settings.Dataset}", Left - 40, 58, 26, Palette.Ink, bold: true);
        string[] details =
        [
            $"model {settings.Model}", $"{lines.Length} steps of {settings.Accumulate} clip{(settings.Accumulate == 1 ? "" : "s")}",
            .. lines.Length == 0
                ? (string[])[]
                : [$"{Median(lines.Select(l => l.ClipsPerSecond)):0.00} clips/s", $"{Median(lines.Select(l => l.Gflops)):0} GFLOP/s"],
        ];
        letters.Draw(canvas, string.Join("   ·   ", details), Left - 40, 84, 14, Palette.Quiet);

        Curve[] loss = [Curve.Of("each step", Palette.Faint, lines, l => l.Loss), Curve.Of("smoothed", Palette.Category(0), lines, l => l.Loss).Smooth()];
        Panel(132, 300, "loss", loss);
        Panel(
            500, 220, "terms, weighted and smoothed",
            [
                Curve.Of("20 focal", Palette.Category(0), lines, l => LossTerms.FocalWeight * l.Focal).Smooth(),
                Curve.Of("dice", Palette.Category(1), lines, l => l.Dice).Smooth(), Curve.Of("IoU", Palette.Category(2), lines, l => l.Iou).Smooth(),
                Curve.Of("object", Palette.Category(3), lines, l => l.Object).Smooth(),
                Curve.Of("contrast", Palette.Category(5), lines, l => l.Contrast).Smooth(),
            ]);
        Panel(
            788, 160, "validation",
            [
                new Curve("J", Palette.Category(2), [.. epochs.Where(e => e.Jaccard is not null).Select(e => ((double)e.Steps, e.Jaccard!.Value))]),
                new Curve("F", Palette.Category(1), [.. epochs.Where(e => e.FMeasure is not null).Select(e => ((double)e.Steps, e.FMeasure!.Value))]),
            ],
            top: 1, epochs.LastOrDefault(e => e.Best));
        Panel(1016, 90, "learning rate", [Curve.Of("", Palette.Ink, lines, l => l.LearningRate)]);
        letters.Draw(canvas, "steps", Right, 1016 + 90 + 42, LabelSize, Palette.Quiet, SKTextAlign.Right);
    }

    /// <summary>Draws curves over a common scale that begins at 0.</summary>
    private void Panel(float y, float height, string title, Curve[] curves, double? top = null, EpochLine? best = null)
    {
        var plot = new SKRect(Left, y, Right, y + height);
        var highest = top ?? Nice(curves.SelectMany(c => c.Points).Select(p => p.Y).DefaultIfEmpty(0).Max());
        using var rule = new SKPaint { Color = Palette.Rule, StrokeWidth = 1, IsAntialias = true };
        var rows = height < 120 ? 2 : 4;
        for (var i = 0; i <= rows; i++)
        {
            var at = plot.Bottom - (plot.Height * i / rows);
            canvas.DrawLine(plot.Left, at, plot.Right, at, rule);
            letters.Draw(canvas, Number(highest * i / rows, highest), plot.Left - 10, at + 4, 12, Palette.Quiet, SKTextAlign.Right);
        }

        for (var i = 0; i <= 4; i++)
            letters.Draw(canvas, $"{steps * i / 4}", plot.Left + (plot.Width * i / 4), plot.Bottom + 20, 12, Palette.Quiet, SKTextAlign.Center);
        letters.Draw(canvas, title, plot.Left, plot.Top - 12, LabelSize, Palette.Ink, bold: true);

        SKPoint At((double X, double Y) point) =>
            new(plot.Left + (float)(point.X / steps * plot.Width), plot.Bottom - (float)(Math.Min(point.Y, highest) / highest * plot.Height));
        var label = plot.Top + 10;
        foreach (var curve in curves)
        {
            using var line = new SKPaint
            {
                Color = curve.Color,
                StrokeWidth = curve.Color == Palette.Faint ? 1 : 2,
                StrokeCap = SKStrokeCap.Round,
                IsAntialias = true,
            };
            SKPoint[] points = [.. curve.Thinned(MostPoints).Select(At)];
            if (points.Length > 1) canvas.DrawPoints(SKPointMode.Polygon, points, line);
            if (points.Length < 100 && top is not null)
                foreach (var point in points) canvas.DrawCircle(point, 3, line);
            if (curve.Name.Length == 0) continue;
            letters.Draw(canvas, curve.Name, plot.Right + 16, label, LabelSize, curve.Color, bold: true);
            label += 20;
        }

        if (best?.Score is not { } score) return;
        var mark = At((best.Steps, score));
        canvas.DrawLine(mark.X, plot.Top, mark.X, plot.Bottom, rule);
        var center = new SKPoint(Math.Clamp(mark.X, plot.Left + 150, plot.Right - 70), plot.Top - 14);
        letters.DrawPill(canvas, $"best J&F {score:0.000}", center, 11.5f, Palette.NoSound, Palette.Ink);
    }

    /// <summary>A value of a scale that ends at <paramref name="highest"/>.</summary>
    private static string Number(double value, double highest) => highest >= 0.01 || value == 0 ? $"{value:0.####}" : $"{value:0.##e0}";

    /// <summary>The next of 1, 2, 5 times a power of ten.</summary>
    private static double Nice(double value)
    {
        if (!(value > 0)) return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return power * (value / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>Points over steps.</summary>
    private sealed record Curve(string Name, SKColor Color, (double X, double Y)[] Points)
    {
        public static Curve Of(string name, SKColor color, StepLine[] lines, Func<StepLine, double> value) =>
            new(name, color, [.. lines.Select((line, i) => (i + 1.0, value(line)))]);

        /// <summary>Means over windows that end at each point.</summary>
        public Curve Smooth()
        {
            var window = Math.Max(LeastSmoothing, (int)(Points.Length * SmoothingShare));
            var (smooth, sum) = (new (double X, double Y)[Points.Length], 0.0);
            for (var i = 0; i < smooth.Length; i++)
            {
                sum += Points[i].Y - (i >= window ? Points[i - window].Y : 0);
                smooth[i] = (Points[i].X, sum / Math.Min(window, i + 1));
            }

            return this with { Points = smooth };
        }

        /// <summary>At most so many points, evenly taken, the last among them.</summary>
        public IEnumerable<(double X, double Y)> Thinned(int most)
        {
            var each = (Points.Length + most - 1) / most;
            return Points.Where((_, i) => (Points.Length - 1 - i) % Math.Max(1, each) == 0);
        }
    }
}
