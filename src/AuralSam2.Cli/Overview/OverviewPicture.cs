using AuralSam2.Media;
using AuralSam2.Predictors;
using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>The overview's head line.</summary>
/// <param name="Clip">Name of the clip.</param>
/// <param name="Details">Model, frames, sound.</param>
/// <param name="Warning">What a person must know before believing the picture; null when there is nothing.</param>
internal sealed record OverviewTitle(string Clip, IReadOnlyList<string> Details, string? Warning);

/// <summary>
/// overview.png: the frames with their masks in rows, their scores below them, and the sound's spectrogram with the frames' positions.
/// Thumbnails are made as the frames come, so a long clip takes no more memory than a short one.
/// </summary>
internal sealed class OverviewPicture
{
    /// <summary>Pixels per unit of layout: sharp on dense screens.</summary>
    private const int Sharpness = 2;

    private const float Width = 1200;
    private const float Margin = 56;
    private const float Gap = 16;
    private const float CaptionHeight = 50;
    private const float HeadHeight = 118;
    private const float PanelHeight = 190;
    private const float WidestCell = 380;
    private const int MostColumns = 8;
    private const int MostFrames = 40;

    private readonly int frameCount;
    private readonly int columns;
    private readonly float cellWidth;
    private readonly float cellHeight;
    private readonly HashSet<int> shown;
    private readonly List<Cell> cells = [];

    /// <summary>Plans the layout.</summary>
    /// <param name="frameCount">Frames of the clip.</param>
    /// <param name="frameWidth">Pixels of one row of a frame.</param>
    /// <param name="frameHeight">Rows of a frame.</param>
    public OverviewPicture(int frameCount, int frameWidth, int frameHeight)
    {
        this.frameCount = frameCount;
        var count = Math.Min(frameCount, MostFrames);
        shown = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * frameCount / count))];
        // Rows of one length: ten frames are two rows of five, not eight and two.
        var rows = (count + MostColumns - 1) / MostColumns;
        columns = (count + rows - 1) / rows;
        cellWidth = Math.Min(WidestCell, (Width - 2 * Margin - (columns - 1) * Gap) / columns);
        // A strip of a picture is drawn less extreme than it is: a cell needs room, and the sheet an end.
        cellHeight = MathF.Round(cellWidth * Math.Clamp((float)frameHeight / frameWidth, 0.1f, 4f));
    }

    /// <summary>Takes a frame up, if the overview shows it.</summary>
    public void Add(SegmentedFrame frame, RgbImage image)
    {
        if (!shown.Contains(frame.Index)) return;
        var (width, height) = ((int)(cellWidth * Sharpness), (int)(cellHeight * Sharpness));
        var small = Scaled(image, width, height);
        var painted = MaskOverlay.Paint(small, Scaled(frame.Mask, image.Width, image.Height, width, height), contour: 1.5f * Sharpness);
        cells.Add(new Cell(frame.Index, frame.Seconds, frame.PredictedIou, frame.ObjectScore, painted));
    }

    /// <summary>Draws and writes the picture.</summary>
    /// <param name="path">PNG file.</param>
    /// <param name="title">Head line.</param>
    /// <param name="mel">The sound's spectrogram.</param>
    /// <param name="soundSeconds">Duration of the sound.</param>
    public void Save(string path, OverviewTitle title, LogMel mel, double soundSeconds)
    {
        var rows = (cells.Count + columns - 1) / columns;
        var soundTop = HeadHeight + rows * (cellHeight + CaptionHeight) + (rows - 1) * Gap;
        var panel = SKRect.Create(Margin, soundTop + 56, Width - 2 * Margin, PanelHeight);
        var height = panel.Bottom + 18 + 40;

        using var surface = SKSurface.Create(
            new SKImageInfo((int)Width * Sharpness, (int)height * Sharpness, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var canvas = surface.Canvas;
        canvas.Clear(Palette.Ground);
        canvas.Scale(Sharpness);
        using var letters = new Lettering();
        DrawHead(canvas, letters, title);
        for (var i = 0; i < cells.Count; i++)
        {
            var (row, column) = (i / columns, i % columns);
            DrawCell(canvas, letters, cells[i], Margin + column * (cellWidth + Gap), HeadHeight + row * (cellHeight + CaptionHeight + Gap));
        }

        letters.Draw(canvas, "Sound", Margin, soundTop + 22, 13, Palette.Ink, bold: true);
        letters.Draw(canvas, "log-mel spectrogram; lines mark the frames above", Margin + 50, soundTop + 22, 12, Palette.Quiet);
        var duration = Math.Max(Math.Max(soundSeconds, cells.Count > 0 ? cells[^1].Seconds : 0), 0.1);
        new SpectrogramPanel(letters, panel, duration).Draw(canvas, mel, cells.Select(c => (c.Seconds, c.Index)));

        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        png.SaveTo(file);
    }

    private void DrawHead(SKCanvas canvas, Lettering letters, OverviewTitle title)
    {
        const float nameSize = 26, warningSize = 13;
        var warning = title.Warning is null ? default : letters.PillAt(title.Warning, default, warningSize);
        letters.Draw(
            canvas, letters.Fit(title.Clip, nameSize, bold: true, Width - 2 * Margin - warning.Width - Gap),
            Margin, 62, nameSize, Palette.Ink, bold: true);
        string[] more = cells.Count < frameCount ? [$"{cells.Count} of them shown"] : [];
        letters.Draw(canvas, string.Join("   ·   ", title.Details.Concat(more)), Margin, 88, 14, Palette.Quiet);
        if (title.Warning is not null)
        {
            letters.DrawPill(
                canvas, title.Warning, new SKPoint(Width - Margin - warning.Width / 2, 53), warningSize, Palette.WarningGround, Palette.WarningInk);
        }
    }

    private void DrawCell(SKCanvas canvas, Lettering letters, Cell cell, float left, float top)
    {
        var rect = new SKRoundRect(SKRect.Create(left, top, cellWidth, cellHeight), 4);
        var believed = cell.ObjectScore >= 0;
        canvas.Save();
        canvas.ClipRoundRect(rect, SKClipOperation.Intersect, antialias: true);
        using (var bitmap = ToBitmap(cell.Image))
        using (var image = SKImage.FromBitmap(bitmap))
        using (var paint = new SKPaint { Color = SKColors.White.WithAlpha(believed ? (byte)255 : (byte)115) })
            canvas.DrawImage(image, rect.Rect, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.None), paint);
        canvas.Restore();
        // The rim keeps the number readable on a picture as dark as itself.
        letters.DrawPill(
            canvas, $"{cell.Index}", new SKPoint(left + 18, top + 18), 12, Palette.Ink, Palette.Ground, rim: Palette.Ground.WithAlpha(150));

        var ink = believed ? Palette.Ink : Palette.Faint;
        var quiet = believed ? Palette.Quiet : Palette.Faint;
        letters.Draw(canvas, $"{cell.Seconds:0.0#} s", left, top + cellHeight + 20, 13, ink, bold: true);
        letters.Draw(canvas, $"IoU {cell.PredictedIou:0.00}", left + cellWidth, top + cellHeight + 20, 13, ink, SKTextAlign.Right, bold: true);
        var score = cell.ObjectScore < 0 ? $"−{-cell.ObjectScore:0.0}" : $"+{cell.ObjectScore:0.0}";
        letters.Draw(canvas, believed ? "object" : "no object", left, top + cellHeight + 38, 12, quiet);
        letters.Draw(canvas, score, left + cellWidth, top + cellHeight + 38, 12, quiet, SKTextAlign.Right);
    }

    private static RgbImage Scaled(RgbImage image, int width, int height)
    {
        using var bitmap = ToBitmap(image);
        using var small = bitmap.Resize(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), Smooth);
        var rgba = small.GetPixelSpan();
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < width * height; i++) rgba.Slice(i * 4, 3).CopyTo(pixels.AsSpan(i * 3));
        return new RgbImage(width, height, pixels);
    }

    /// <summary>Scales a mask: a pixel is set where the mask covers more than half of it.</summary>
    private static byte[] Scaled(byte[] mask, int fromWidth, int fromHeight, int width, int height)
    {
        using var bitmap = new SKBitmap(fromWidth, fromHeight, SKColorType.Gray8, SKAlphaType.Opaque);
        mask.CopyTo(bitmap.GetPixelSpan());
        using var small = bitmap.Resize(new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque), Smooth);
        var result = new byte[width * height];
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++) result[y * width + x] = small.GetPixelSpan()[y * small.RowBytes + x] > 127 ? (byte)255 : (byte)0;
        return result;
    }

    private static SKSamplingOptions Smooth => new(SKFilterMode.Linear, SKMipmapMode.Linear);

    private static SKBitmap ToBitmap(RgbImage image)
    {
        var bitmap = new SKBitmap(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var rgba = bitmap.GetPixelSpan();
        for (var i = 0; i < image.Width * image.Height; i++)
        {
            image.Pixels.AsSpan(i * 3, 3).CopyTo(rgba[(i * 4)..]);
            rgba[i * 4 + 3] = 255;
        }

        return bitmap;
    }

    private sealed record Cell(int Index, double Seconds, float PredictedIou, float ObjectScore, RgbImage Image);
}
