using AuralSam2.PostProcessing;

namespace AuralSam2.Predictors;

/// <summary>Non-maximum suppression: of things in nearly the same place the best is kept.</summary>
internal static class BoxSuppression
{
    /// <summary>Keeps what overlaps with nothing better.</summary>
    /// <param name="items">Things that have boxes.</param>
    /// <param name="box">The box of one.</param>
    /// <param name="score">How good one is; of equals the earlier.</param>
    /// <param name="maxIou">From more than this IoU on two boxes are the same place.</param>
    /// <returns>The best first.</returns>
    public static List<T> Keep<T>(IEnumerable<T> items, Func<T, PixelBox> box, Func<T, float> score, float maxIou)
    {
        var kept = new List<(T Item, PixelBox Box)>();
        foreach (var item in items.OrderByDescending(score)) // stable
        {
            var place = box(item);
            if (!kept.Exists(better => Iou(better.Box, place) > maxIou)) kept.Add((item, place));
        }

        return kept.ConvertAll(k => k.Item);
    }

    /// <summary>
    /// Intersection over union, measured between the centres of the outermost pixels, as SAM2's own generator does; NaN, which is above
    /// nothing, of two lines.
    /// </summary>
    public static float Iou(PixelBox a, PixelBox b)
    {
        var across = Math.Max(0, Math.Min(a.Right, b.Right) - Math.Max(a.Left, b.Left));
        var down = Math.Max(0, Math.Min(a.Bottom, b.Bottom) - Math.Max(a.Top, b.Top));
        var shared = (float)across * down;
        return shared / (Extent(a) + Extent(b) - shared);
    }

    private static float Extent(PixelBox box) => (float)(box.Right - box.Left) * (box.Bottom - box.Top);
}
