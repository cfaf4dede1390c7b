using AuralSam2.Kernels;
using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>
/// A profile below the roofs of its device: intensity to the right, speed upwards, both logarithmic; the area of a disc is its share of the
/// time. What is far below the roof and large is where time can be won.
/// </summary>
internal sealed class RooflinePicture
{
    /// <summary>Pixels per unit of layout: sharp on dense screens.</summary>
    private const int Sharpness = 2;

    private const float Width = 1200;
    private const float Height = 800;
    private const float LabelSize = 11.5f;
    private const float LargestRadius = 46;
    private const float SmallestRadius = 2.5f;
    private const int MostLabels = 14;
    private const int MostColors = 6;

    /// <summary>Groups below this part of the time would stretch the axes for nothing.</summary>
    private const double LeastShare = 0.001;

    private const int LeaderSteps = 40;

    /// <summary>How far from a disc its name may stand, and in which directions: the nearest free place is taken.</summary>
    private static readonly float[] Reaches = [6, 16, 28, 42, 58, 76, 96, 118, 142, 168, 196, 226];

    private static readonly (float X, float Y)[] Directions =
        [(0, 1), (1, 0), (-1, 0), (-0.5f, 0.87f), (0.5f, 0.87f), (-0.87f, 0.5f), (0.87f, 0.5f), (0, -1), (-0.7f, -0.7f), (0.7f, -0.7f)];

    private static readonly SKRect Plot = SKRect.Create(96, 132, 1048, 548);

    private readonly ProfileReport report;
    private readonly SKCanvas canvas;
    private readonly Lettering letters;
    private readonly OpGroup[] groups;
    private readonly string[] ops;
    private readonly (double Low, double High) x;
    private readonly (double Low, double High) y;
    private readonly List<SKRect> taken = [];
    private readonly List<SKPoint> leaders = [];

    private RooflinePicture(ProfileReport report, SKCanvas canvas, Lettering letters)
    {
        (this.report, this.canvas, this.letters) = (report, canvas, letters);
        groups = [.. report.Groups.Where(g => g.Flops > 0 && report.ShareOf(g) >= LeastShare)];
        ops = [.. groups.GroupBy(NameOf).OrderByDescending(g => g.Sum(op => op.Seconds)).Select(g => g.Key).Take(MostColors)];
        var limits = report.Limits;
        x = (0.6 * groups.Select(g => g.Intensity).Append(limits.Ridge / 8).Min(), 1.7 * groups.Select(g => g.Intensity).Append(limits.Ridge * 8).Max());
        y = (0.5 * groups.Select(g => g.Gflops).Append(limits.Gflops / 50).Min(), 2.2 * groups.Select(g => g.Gflops).Append(limits.Gflops).Max());
    }

    /// <summary>Draws it and writes the PNG.</summary>
    public static void Write(Stream destination, ProfileReport report)
    {
        using var surface = SKSurface.Create(
            new SKImageInfo((int)Width * Sharpness, (int)Height * Sharpness, SKColorType.Rgba8888, SKAlphaType.Opaque));
        surface.Canvas.Clear(Palette.Ground);
        surface.Canvas.Scale(Sharpness);
        using var letters = new Lettering();
        new RooflinePicture(report, surface.Canvas, letters).Draw();
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        png.SaveTo(destination);
    }

    private void Draw()
    {
        DrawHead();
        DrawGrid();
        DrawRoof();
        foreach (var group in groups) DrawDisc(group);
        foreach (var group in groups.Take(MostLabels)) DrawLabel(group);
        DrawLegend();
    }

    private void DrawHead()
    {
        letters.Draw(canvas, $"Where aural {report.Verb} spends its time", Plot.Left - 40, 58, 26, Palette.Ink, bold: true);
        string[] details =
        [
            report.Device, $"{report.OpSeconds:0.0} s in ops",
            $"roofs measured in the same run: {report.Limits.Gflops:0} GFLOP/s, {report.Limits.GigabytesPerSecond:0.0} GB/s",
        ];
        letters.Draw(canvas, string.Join("   ·   ", details), Plot.Left - 40, 84, 14, Palette.Quiet);
    }

    private void DrawGrid()
    {
        using var line = new SKPaint { Color = Palette.Rule, StrokeWidth = 1, IsAntialias = true };
        foreach (var value in Ticks(x))
        {
            canvas.DrawLine(X(value), Plot.Top, X(value), Plot.Bottom, line);
            letters.Draw(canvas, Number(value), X(value), Plot.Bottom + 20, 12, Palette.Quiet, SKTextAlign.Center);
        }

        foreach (var value in Ticks(y))
        {
            canvas.DrawLine(Plot.Left, Y(value), Plot.Right, Y(value), line);
            letters.Draw(canvas, Number(value), Plot.Left - 10, Y(value) + 4, 12, Palette.Quiet, SKTextAlign.Right);
        }

        letters.Draw(canvas, "operations per byte", Plot.Right, Plot.Bottom + 42, 12, Palette.Quiet, SKTextAlign.Right);
        letters.Draw(canvas, "GFLOP/s", Plot.Left - 10, Plot.Top - 12, 12, Palette.Quiet, SKTextAlign.Right);
    }

    private void DrawRoof()
    {
        var limits = report.Limits;
        // The slope may meet the floor of the plot before its left edge.
        var left = Math.Max(x.Low, y.Low / limits.GigabytesPerSecond);
        SKPoint[] roof =
        [
            new(X(left), Y(limits.Attainable(left))), new(X(limits.Ridge), Y(limits.Gflops)), new(Plot.Right, Y(limits.Gflops)),
        ];
        using var path = new SKPathBuilder();
        path.MoveTo(X(left), Plot.Bottom);
        foreach (var corner in roof) path.LineTo(corner.X, corner.Y);
        path.LineTo(Plot.Right, Plot.Bottom);
        using (var below = path.Detach())
        using (var fill = new SKPaint { Color = Palette.Ink.WithAlpha(9), IsAntialias = true })
            canvas.DrawPath(below, fill);
        using var line = new SKPaint { Color = Palette.Ink, StrokeWidth = 2, StrokeCap = SKStrokeCap.Round, IsAntialias = true };
        canvas.DrawPoints(SKPointMode.Polygon, roof, line);
        var words = new SKPoint(X(limits.Ridge) + 14, Y(limits.Gflops) - 10);
        letters.Draw(canvas, $"arithmetic {limits.Gflops:0} GFLOP/s", words.X, words.Y, 12.5f, Palette.Ink, bold: true);
        taken.Add(new SKRect(words.X, words.Y - 14, words.X + 170, words.Y + 8));

        var (start, end) = (roof[0], roof[1]);
        canvas.Save();
        canvas.Translate((start.X + end.X) / 2, (start.Y + end.Y) / 2);
        canvas.RotateRadians(MathF.Atan2(end.Y - start.Y, end.X - start.X));
        letters.Draw(canvas, $"memory {limits.GigabytesPerSecond:0.0} GB/s", 0, -10, 12.5f, Palette.Ink, SKTextAlign.Center, bold: true);
        canvas.Restore();
    }

    private void DrawDisc(OpGroup group)
    {
        var (center, radius, color) = (CenterOf(group), RadiusOf(group), ColorOf(group));
        using var fill = new SKPaint { Color = color.WithAlpha(105), IsAntialias = true };
        canvas.DrawCircle(center, radius, fill);
        using var rim = new SKPaint { Color = color, Style = SKPaintStyle.Stroke, StrokeWidth = 1.5f, IsAntialias = true };
        canvas.DrawCircle(center, radius, rim);
    }

    /// <summary>Writes a name where it covers no other name, no line to one and no heart of a disc; where no place is left, none.</summary>
    private void DrawLabel(OpGroup group)
    {
        var (center, radius) = (CenterOf(group), RadiusOf(group));
        var text = report.Grouping == OpGrouping.Module ? ProfileReport.NameOf(group.Module) : group.Shape.Length > 0 ? group.Shape : group.Op;
        var share = $"{100 * report.ShareOf(group):0.0} %";
        var (width, height) = (letters.Width(text, LabelSize) + 6 + letters.Width(share, LabelSize, bold: true), LabelSize * 1.35f);
        foreach (var reach in Reaches)
        {
            foreach (var (dx, dy) in Directions)
            {
                var at = new SKPoint(center.X + dx * (radius + reach), center.Y + dy * (radius + reach));
                var box = SKRect.Create(at.X - width * (1 - dx) / 2, at.Y - height * (1 - dy) / 2, width, height);
                SKPoint[] leader = [.. Enumerable.Range(0, LeaderSteps + 1).Select(i => Along(center, at, (float)i / LeaderSteps))];
                if (!Fits(box, leader)) continue;
                taken.Add(box);
                leaders.AddRange(leader);
                using var line = new SKPaint { Color = ColorOf(group), StrokeWidth = 1, IsAntialias = true };
                canvas.DrawLine(center, Along(center, at, 1 - 3 / Math.Max(radius + reach, 3)), line);
                canvas.DrawCircle(center, 2.2f, line);
                var baseline = box.Bottom - height * 0.24f;
                letters.Draw(canvas, text, box.Left, baseline, LabelSize, Palette.Ink);
                letters.Draw(canvas, share, box.Right, baseline, LabelSize, Palette.Quiet, SKTextAlign.Right, bold: true);
                return;
            }
        }

        static SKPoint Along(SKPoint from, SKPoint to, float part) => new(from.X + (to.X - from.X) * part, from.Y + (to.Y - from.Y) * part);
    }

    private bool Fits(SKRect box, SKPoint[] leader)
    {
        if (box.Left < Plot.Left + 4 || box.Right > Plot.Right - 4 || box.Top < Plot.Top || box.Bottom > Plot.Bottom - 4) return false;
        var wide = SKRect.Inflate(box, 5, 3);
        if (CrossesRoof(wide) || leaders.Any(wide.Contains)) return false;
        if (taken.Any(other => other.IntersectsWith(wide) || leader.Any(other.Contains))) return false;
        if (leader.Any(point => leaders.Any(other => SKPoint.DistanceSquared(point, other) < 16))) return false;
        return !groups.Any(g => SKRect.Inflate(SKRect.Create(CenterOf(g), SKSize.Empty), 0.8f * RadiusOf(g), 0.8f * RadiusOf(g)).IntersectsWith(box));
    }

    /// <summary>True where a box lies on the roof or right above it.</summary>
    private bool CrossesRoof(SKRect box)
    {
        const float above = 6;
        var (left, right) = (Y(report.Limits.Attainable(ValueAt(box.Left))), Y(report.Limits.Attainable(ValueAt(box.Right))));
        return box.Bottom > Math.Min(left, right) - above && box.Top < Math.Max(left, right) + 4;

        double ValueAt(float place) => x.Low * Math.Pow(x.High / x.Low, (place - Plot.Left) / Plot.Width);
    }

    private void DrawLegend()
    {
        const float size = 12.5f;
        var (left, baseline) = (Plot.Left - 40, Height - 34);
        foreach (var op in ops.Append("other"))
        {
            var seconds = groups.Where(g => LegendOf(g) == op).Sum(g => g.Seconds);
            if (seconds == 0) continue;
            var color = op == "other" ? Palette.Faint : Palette.Category(Array.IndexOf(ops, op));
            using var fill = new SKPaint { Color = color, IsAntialias = true };
            canvas.DrawCircle(left + 5, baseline - 4, 5, fill);
            var (name, share) = (letters.Fit(op, size, true, 170), $"{100 * seconds / report.OpSeconds:0.0} %");
            letters.Draw(canvas, name, left + 16, baseline, size, Palette.Ink, bold: true);
            letters.Draw(canvas, share, left + 22 + letters.Width(name, size, bold: true), baseline, size, Palette.Quiet);
            left += 36 + letters.Width(name, size, bold: true) + letters.Width(share, size);
        }

        var moves = report.Groups.Where(g => g.Flops == 0).Sum(g => g.Seconds) / report.OpSeconds;
        letters.Draw(
            canvas, $"Area: share of the time in ops. Not shown: ops that only move data ({100 * moves:0.0} %), and what takes less than {100 * LeastShare:0.0} %.",
            Plot.Left - 40, Height - 62, 12, Palette.Quiet);
    }

    private string NameOf(OpGroup group) => report.Grouping == OpGrouping.Module ? ProfileReport.NameOf(group.Module).Split('.')[0] : group.Op;

    private string LegendOf(OpGroup group) => ops.Contains(NameOf(group)) ? NameOf(group) : "other";

    private SKColor ColorOf(OpGroup group) =>
        Array.IndexOf(ops, NameOf(group)) is >= 0 and var index ? Palette.Category(index) : Palette.Faint;

    private float RadiusOf(OpGroup group) => Math.Max(SmallestRadius, LargestRadius * MathF.Sqrt((float)report.ShareOf(group) / 0.25f));

    private SKPoint CenterOf(OpGroup group) => new(X(group.Intensity), Y(group.Gflops));

    private float X(double value) => Plot.Left + (float)(Math.Log(value / x.Low) / Math.Log(x.High / x.Low)) * Plot.Width;

    private float Y(double value) => Plot.Bottom - (float)(Math.Log(value / y.Low) / Math.Log(y.High / y.Low)) * Plot.Height;

    /// <summary>Powers of ten, and 2 and 5 times them where there are few.</summary>
    private static IEnumerable<double> Ticks((double Low, double High) range)
    {
        int[] steps = Math.Log10(range.High / range.Low) > 3.5 ? [1] : [1, 2, 5];
        for (var power = Math.Floor(Math.Log10(range.Low)); power <= Math.Log10(range.High); power++)
            foreach (var step in steps)
                if (step * Math.Pow(10, power) is var value && value > range.Low && value < range.High) yield return value;
    }

    private static string Number(double value) => value >= 1000 ? $"{value / 1000:0.#}k" : $"{value:0.####}";
}
