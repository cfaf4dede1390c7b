using AuralSam2.PostProcessing;

namespace AuralSam2.Predictors;

/// <summary>The parts of a picture that the model looks at, and the points that it is asked about.</summary>
internal static class CropPlan
{
    /// <summary>Masks that end so many pixels from where their part does are cut off by it.</summary>
    private const int EdgeReach = 20;

    /// <summary>The whole picture, then layer by layer its parts, column by column.</summary>
    public static List<(PixelBox Box, int Layer)> Boxes(int width, int height, AutomaticMaskOptions options)
    {
        List<(PixelBox, int)> boxes = [(new PixelBox(0, 0, width - 1, height - 1), 0)];
        for (var layer = 1; layer <= options.CropLayers; layer++)
        {
            var parts = 1 << layer;
            var overlap = (int)(options.CropOverlap * Math.Min(width, height) * (2.0 / parts));
            var (across, down) = (Length(width, parts, overlap), Length(height, parts, overlap));
            for (var i = 0; i < parts; i++)
            {
                for (var j = 0; j < parts; j++)
                {
                    var (left, top) = ((across - overlap) * i, (down - overlap) * j);
                    // A picture of fewer pixels than parts has none left for the last ones.
                    if (left >= width || top >= height) continue;
                    boxes.Add((new PixelBox(left, top, Math.Min(left + across, width) - 1, Math.Min(top + down, height) - 1), layer));
                }
            }
        }

        return boxes;
    }

    /// <summary>Points of a layer, in shares of a part's width and height, row by row.</summary>
    public static List<(float X, float Y)> Grid(int layer, AutomaticMaskOptions options)
    {
        var side = Math.Max(1, (int)(options.PointsPerSide / Math.Pow(options.CropPointsDownscale, layer)));
        return [.. from y in Enumerable.Range(0, side) from x in Enumerable.Range(0, side) select ((x + 0.5f) / side, (y + 0.5f) / side)];
    }

    /// <summary>Whether a mask ends where its part does, but the picture does not.</summary>
    public static bool IsCutOff(PixelBox mask, PixelBox crop, int width, int height) =>
        Ends(mask.Left, crop.Left, 0) || Ends(mask.Top, crop.Top, 0) ||
        Ends(mask.Right, crop.Right + 1, width) || Ends(mask.Bottom, crop.Bottom + 1, height);

    private static bool Ends(int mask, int crop, int picture) => Math.Abs(mask - crop) <= EdgeReach && Math.Abs(mask - picture) > EdgeReach;

    /// <summary>Parts of this length, overlapping by so much, cover an edge.</summary>
    private static int Length(int edge, int parts, int overlap) => (int)Math.Ceiling(((overlap * (parts - 1)) + edge) / (double)parts);
}
