using AuralSam2.Media;
using AuralSam2.Predictors;
using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>
/// timeline.png: some frames with their objects, and below them a lane for every object: how much of the frame it takes, where it is
/// absent, and where it was shown.
/// </summary>
internal sealed class TimelinePicture(TrackResults tracks, IReadOnlyList<VideoPrompt> prompts)
{
    /// <summary>Pixels per unit of layout: sharp on dense screens.</summary>
    private const int Sharpness = 2;

    private const float Width = 1200;
    private const float Margin = 56;
    private const float Gap = 12;
    private const float HeadHeight = 112;
    private const float LabelWidth = 132;
    private const float LaneHeight = 58;
    private const float LaneGap = 16;
    private const float TallestThumbnail = 220;
    private const int MostThumbnails = 6;
    private const int MostTicks = 12;

    private readonly List<(int Frame, SKImage Picture)> thumbnails = [];

    private int Count => tracks.Count;

    private int Thumbnails => Math.Min(Count, MostThumbnails);

    private float LaneLeft => Margin + LabelWidth;

    private float LaneWidth => Width - Margin - LaneLeft;

    private float ThumbnailWidth =>
        Math.Min((LaneWidth - ((Thumbnails - 1) * Gap)) / Thumbnails, TallestThumbnail * (float)Math.Clamp(tracks.Aspect, 0.2, 8));

    private float ThumbnailHeight => ThumbnailWidth / (float)Math.Clamp(tracks.Aspect, 0.2, 8);

    /// <summary>Takes a frame with its objects up, if the picture shows it.</summary>
    public void Add(int frame, RgbImage painted)
    {
        // The first frame and others evenly over the clip.
        if (!Enumerable.Range(0, Thumbnails).Any(i => (int)((long)i * Count / Thumbnails) == frame)) return;
        using var bitmap = new SKBitmap(painted.Width, painted.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var rgba = bitmap.GetPixelSpan();
        for (var i = 0; i < painted.Width * painted.Height; i++)
        {
            painted.Pixels.AsSpan(i * 3, 3).CopyTo(rgba[(i * 4)..]);
            rgba[(i * 4) + 3] = 255;
        }

        var size = new SKImageInfo(
            Math.Max(1, (int)(ThumbnailWidth * Sharpness)), Math.Max(1, (int)(ThumbnailHeight * Sharpness)), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var small = bitmap.Resize(size, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        thumbnails.Add((frame, SKImage.FromBitmap(small)));
    }

    /// <summary>Draws and writes the picture.</summary>
    public void Save(string path, OverviewTitle title)
    {
        var objects = tracks.Objects;
        var lanesTop = HeadHeight + ThumbnailHeight + 48;
        var height = lanesTop + (objects.Count * (LaneHeight + LaneGap)) + 56;
        using var surface = SKSurface.Create(
            new SKImageInfo((int)Width * Sharpness, (int)height * Sharpness, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var canvas = surface.Canvas;
        canvas.Clear(Palette.Ground);
        canvas.Scale(Sharpness);
        using var letters = new Lettering();
        DrawHead(canvas, letters, title);
        DrawThumbnails(canvas, letters);
        for (var i = 0; i < objects.Count; i++) DrawLane(canvas, letters, objects[i], lanesTop + (i * (LaneHeight + LaneGap)));
        DrawAxis(canvas, letters, lanesTop, lanesTop + (objects.Count * (LaneHeight + LaneGap)) - LaneGap);

        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        png.SaveTo(file);
        foreach (var (_, picture) in thumbnails) picture.Dispose();
        thumbnails.Clear();
    }

    private static void DrawHead(SKCanvas canvas, Lettering letters, OverviewTitle title)
    {
        const float nameSize = 26, warningSize = 13;
        var warning = title.Warning is null ? default : letters.PillAt(title.Warning, default, warningSize);
        letters.Draw(
            canvas, letters.Fit(title.Clip, nameSize, bold: true, Width - (2 * Margin) - warning.Width - Gap), Margin, 62, nameSize, Palette.Ink, bold: true);
        letters.Draw(canvas, string.Join("   ·   ", title.Details), Margin, 88, 14, Palette.Quiet);
        if (title.Warning is not null)
        {
            letters.DrawPill(
                canvas, title.Warning, new SKPoint(Width - Margin - (warning.Width / 2), 53), warningSize, Palette.WarningGround, Palette.WarningInk);
        }
    }

    private void DrawThumbnails(SKCanvas canvas, Lettering letters)
    {
        for (var i = 0; i < thumbnails.Count; i++)
        {
            var left = LaneLeft + (i * (ThumbnailWidth + Gap));
            var rect = SKRect.Create(left, HeadHeight, ThumbnailWidth, ThumbnailHeight);
            canvas.Save();
            canvas.ClipRoundRect(new SKRoundRect(rect, 4), SKClipOperation.Intersect, antialias: true);
            canvas.DrawImage(thumbnails[i].Picture, rect, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.None));
            canvas.Restore();
            letters.Draw(canvas, $"frame {thumbnails[i].Frame}", left, HeadHeight + ThumbnailHeight + 18, 12, Palette.Quiet);
        }
    }

    /// <summary>The share of the frame as an area, over a ground that is grey where the object was not tracked.</summary>
    private void DrawLane(SKCanvas canvas, Lettering letters, TrackDocument.ObjectTrack track, float top)
    {
        var (red, green, blue) = ObjectOverlay.ColorOf(track.Object);
        var color = new SKColor(red, green, blue);
        var bottom = top + LaneHeight;
        using var paint = new SKPaint { IsAntialias = true };
        paint.Color = color;
        canvas.DrawRoundRect(Margin, top + 8, 14, 14, 3, 3, paint);
        letters.Draw(canvas, $"object {track.Object}", Margin + 22, top + 20, 14, Palette.Ink, bold: true);
        letters.Draw(canvas, $"{track.FramesPresent} of {Count} frames", Margin, top + 40, 12, Palette.Quiet);
        if (track.FramesPresent > 0) letters.Draw(canvas, $"mean area {100 * track.MeanAreaShare:0.0} %", Margin, top + 55, 12, Palette.Quiet);

        paint.Color = Palette.NoSound;
        canvas.DrawRect(LaneLeft, top, LaneWidth, LaneHeight, paint);
        var found = Enumerable.Range(0, Count).Select(i => tracks.Of(i, track.Object)).ToArray();
        var largest = found.Max(f => f?.AreaShare ?? 0);
        for (var i = 0; i < Count; i++)
        {
            if (found[i] is not { } here) continue;
            var (left, right) = (XOf(i), XOf(i + 1));
            paint.IsAntialias = false; // neighbours meet without a seam
            paint.Color = color.WithAlpha(28);
            canvas.DrawRect(SKRect.Create(left, top, right - left, LaneHeight), paint);
            if (here.Area == 0) continue;
            paint.Color = color.WithAlpha(here.ObjectScore > 0 ? (byte)235 : (byte)120);
            canvas.DrawRect(new SKRect(left, bottom - Math.Max(2, (float)(here.AreaShare / largest) * (LaneHeight - 8)), right, bottom), paint);
        }

        foreach (var prompt in prompts.Where(p => p.ObjectId == track.Object))
            DrawMarker(canvas, (XOf(prompt.Frame) + XOf(prompt.Frame + 1)) / 2, top + 1);
    }

    /// <summary>A triangle that points down to where something was shown.</summary>
    private static void DrawMarker(SKCanvas canvas, float x, float y)
    {
        using var marker = new SKPathBuilder();
        marker.MoveTo(x - 6, y - 10);
        marker.LineTo(x + 6, y - 10);
        marker.LineTo(x, y);
        marker.Close();
        using var shape = marker.Detach();
        using var paint = new SKPaint { Color = Palette.Ink, IsAntialias = true };
        canvas.DrawPath(shape, paint);
    }

    private void DrawAxis(SKCanvas canvas, Lettering letters, float top, float bottom)
    {
        var step = StepOf((double)Count / MostTicks);
        using var paint = new SKPaint { Color = Palette.Rule, StrokeWidth = 1 };
        for (var frame = 0; frame < Count; frame += step)
        {
            var x = (XOf(frame) + XOf(frame + 1)) / 2;
            canvas.DrawLine(x, bottom, x, bottom + 6, paint);
            letters.Draw(canvas, $"{frame}", x, bottom + 20, 12, Palette.Quiet, SKTextAlign.Center);
            letters.Draw(canvas, $"{frame / tracks.FramesPerSecond:0.0#} s", x, bottom + 35, 11, Palette.Faint, SKTextAlign.Center);
        }

        letters.Draw(canvas, "frame", Margin, bottom + 20, 12, Palette.Quiet);
        DrawMarker(canvas, Margin + 58, bottom + 20);
        letters.Draw(canvas, "shown", Margin + 69, bottom + 20, 12, Palette.Quiet);
    }

    private float XOf(int frame) => LaneLeft + (LaneWidth * frame / Count);

    /// <summary>1, 2 or 5 times a power of ten, at least as large.</summary>
    private static int StepOf(double least)
    {
        var decade = 1;
        while (true)
        {
            foreach (var step in (int[])[decade, 2 * decade, 5 * decade])
                if (step >= least) return step;
            decade *= 10;
        }
    }
}
