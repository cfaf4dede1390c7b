using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>The overview's type: Inter, embedded, so that a machine without fonts draws the same picture.</summary>
internal sealed class Lettering : IDisposable
{
    private readonly SKTypeface regular = Load("Inter-Regular.ttf");
    private readonly SKTypeface semiBold = Load("Inter-SemiBold.ttf");

    /// <summary>Draws a line of text with its baseline at <paramref name="y"/>.</summary>
    public void Draw(
        SKCanvas canvas, string text, float x, float y, float size, SKColor color, SKTextAlign align = SKTextAlign.Left, bool bold = false)
    {
        using var font = Font(size, bold);
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        canvas.DrawText(text, x, y, align, font, paint);
    }

    /// <summary>Draws a rounded label with its text centred in it.</summary>
    public void DrawPill(SKCanvas canvas, string text, SKPoint center, float size, SKColor ground, SKColor color, SKColor? rim = null)
    {
        var rect = PillAt(text, center, size);
        using var paint = new SKPaint { Color = ground, IsAntialias = true };
        canvas.DrawRoundRect(rect, rect.Height / 2, rect.Height / 2, paint);
        if (rim is { } edge)
        {
            paint.Style = SKPaintStyle.Stroke;
            paint.Color = edge;
            canvas.DrawRoundRect(rect, rect.Height / 2, rect.Height / 2, paint);
        }

        Draw(canvas, text, center.X, center.Y + CapHeight(size) / 2, size, color, SKTextAlign.Center, bold: true);
    }

    /// <summary>The room that <see cref="DrawPill"/> takes.</summary>
    public SKRect PillAt(string text, SKPoint center, float size)
    {
        var height = size * 1.75f;
        var width = Math.Max(height, Width(text, size, bold: true) + size * 1.1f);
        return SKRect.Create(center.X - width / 2, center.Y - height / 2, width, height);
    }

    /// <summary>Width of a line of text.</summary>
    public float Width(string text, float size, bool bold = false)
    {
        using var font = Font(size, bold);
        return font.MeasureText(text);
    }

    /// <summary>Shortens a text with an ellipsis until it fits.</summary>
    public string Fit(string text, float size, bool bold, float width)
    {
        var fitting = text;
        for (var keep = text.Length - 1; keep > 0 && Width(fitting, size, bold) > width; keep--) fitting = $"{text.AsSpan(0, keep).TrimEnd()}…";
        return fitting;
    }

    public void Dispose()
    {
        regular.Dispose();
        semiBold.Dispose();
    }

    /// <summary>Height of a digit; Inter's capitals and digits are 0.727 em high.</summary>
    private static float CapHeight(float size) => 0.727f * size;

    private SKFont Font(float size, bool bold) => new(bold ? semiBold : regular, size)
    {
        Edging = SKFontEdging.Antialias,
        Hinting = SKFontHinting.None,
        Subpixel = true,
        LinearMetrics = true,
    };

    private static SKTypeface Load(string name)
    {
        using var stream = typeof(Lettering).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not embedded in this build");
        return SKTypeface.FromStream(stream);
    }
}
