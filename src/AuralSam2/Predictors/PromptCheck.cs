namespace AuralSam2.Predictors;

/// <summary>Prompts that make no sense, each with the line that says so.</summary>
internal static class PromptCheck
{
    /// <summary>What can be judged without the frame.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="frames">Frames of the video; null while nobody knows.</param>
    /// <exception cref="ArgumentException">It makes no sense.</exception>
    public static void Check(VideoPrompt prompt, int? frames)
    {
        if (prompt.Frame < 0 || prompt.Frame >= frames)
            throw new ArgumentException($"there is no frame {prompt.Frame}: {(frames is { } n ? $"the clip has frames 0 to {n - 1}" : "frames count from 0")}");
        if (prompt.Mask is null && prompt.Box is null && prompt.Points.Count == 0)
            throw new ArgumentException($"{Title(prompt)}: an empty prompt; give points, a box or a mask");
        if (prompt.Mask is not null && (prompt.Box is not null || prompt.Points.Count > 0))
            throw new ArgumentException($"{Title(prompt)}: a mask says everything; give it without points and box");
        if (prompt.Box is not null && prompt.AddToEarlier)
            throw new ArgumentException($"{Title(prompt)}: a box comes before all points; it cannot be added to earlier ones");
        CheckNumbers(Title(prompt), prompt.Points, prompt.Box);
    }

    /// <summary>What depends on the size of the frame.</summary>
    /// <exception cref="ArgumentException">It lies outside, or is of another size.</exception>
    public static void CheckPlace(VideoPrompt prompt, int width, int height) =>
        CheckPlace(Title(prompt), prompt.Points, prompt.Box, prompt.Mask, $"frame of {width} x {height}", width, height);

    /// <summary>A prompt for a picture.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="title">Which one it is.</param>
    /// <param name="width">Pixels of one row of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="lowEdge">Edge of earlier logits.</param>
    /// <exception cref="ArgumentException">It makes no sense, lies outside, or is of another size.</exception>
    public static void Check(ImagePrompt prompt, string title, int width, int height, int lowEdge)
    {
        if (prompt.Mask is null && prompt.Earlier is null && prompt.Box is null && prompt.Points.Count == 0)
            throw new ArgumentException($"{title}: an empty prompt; give points, a box or a mask");
        if (prompt.Mask is not null && prompt.Earlier is not null)
            throw new ArgumentException($"{title}: two masks; give one of the picture's size, or the logits of an earlier answer");
        CheckNumbers(title, prompt.Points, prompt.Box);
        CheckPlace(title, prompt.Points, prompt.Box, prompt.Mask, $"picture of {width} x {height}", width, height);
        if (prompt.Earlier is not { } earlier) return;
        if (earlier.Length != lowEdge * lowEdge)
            throw new ArgumentException($"{title}: {earlier.Length} earlier logits for a model whose answers have {lowEdge} x {lowEdge}");
        if (!Array.TrueForAll(earlier, float.IsFinite)) throw new ArgumentException($"{title}: among the earlier logits is one that is not a number");
    }

    private static void CheckNumbers(string title, IReadOnlyList<VideoPoint> points, VideoBox? given)
    {
        foreach (var (x, y, _) in points)
            if (!float.IsFinite(x) || !float.IsFinite(y)) throw new ArgumentException($"{title}: the point ({x}, {y}) is not a number");
        if (given is not { } box) return;
        if (!float.IsFinite(box.Left + box.Top + box.Right + box.Bottom))
            throw new ArgumentException($"{title}: the box ({Text(box)}) is not made of numbers");
        if (box.Right <= box.Left || box.Bottom <= box.Top)
            throw new ArgumentException($"{title}: the box ({Text(box)}) is empty; give left, top, right, bottom");
    }

    private static void CheckPlace(
        string title, IReadOnlyList<VideoPoint> points, VideoBox? given, byte[]? mask, string place, int width, int height)
    {
        foreach (var (x, y, _) in points)
            if (x < 0 || y < 0 || x > width || y > height)
                throw new ArgumentException($"{title}: the point ({x}, {y}) is outside the {place} pixels");
        if (given is { } box && (box.Left < 0 || box.Top < 0 || box.Right > width || box.Bottom > height))
            throw new ArgumentException($"{title}: the box ({Text(box)}) leaves the {place} pixels");
        if (mask is not null && mask.Length != width * height)
            throw new ArgumentException($"{title}: a mask of {mask.Length} pixels for a {place}");
    }

    private static string Title(VideoPrompt prompt) => $"frame {prompt.Frame}, object {prompt.ObjectId}";

    private static string Text(VideoBox box) => FormattableString.Invariant($"{box.Left}, {box.Top}, {box.Right}, {box.Bottom}");
}
