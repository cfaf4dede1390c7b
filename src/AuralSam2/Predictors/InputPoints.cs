using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>Points and boxes on their way from a picture to the model's square.</summary>
internal static class InputPoints
{
    /// <summary>Corners of the box first, then points, in pixels of the model's input.</summary>
    /// <param name="points">In pixels of the picture.</param>
    /// <param name="box">In pixels of the picture, or null.</param>
    /// <param name="size">Edge of the model's input.</param>
    /// <param name="width">Pixels of one row of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    public static PromptPoint[] Of(IReadOnlyList<VideoPoint> points, VideoBox? box, int size, int width, int height)
    {
        var (across, down) = ((float)size / width, (float)size / height);
        var scaled = points.Select(p => new PromptPoint(p.X * across, p.Y * down, p.IsOnObject ? PointLabel.Positive : PointLabel.Negative));
        return box is { } corners
            ?
            [
                new PromptPoint(corners.Left * across, corners.Top * down, PointLabel.BoxTopLeft),
                new PromptPoint(corners.Right * across, corners.Bottom * down, PointLabel.BoxBottomRight),
                .. scaled,
            ]
            : [.. scaled];
    }
}
