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
        foreach (var (x, y, _) in prompt.Points)
            if (!float.IsFinite(x) || !float.IsFinite(y)) throw new ArgumentException($"{Title(prompt)}: the point ({x}, {y}) is not a number");
        if (prompt.Box is not { } box) return;
        if (!float.IsFinite(box.Left + box.Top + box.Right + box.Bottom))
            throw new ArgumentException($"{Title(prompt)}: the box ({Text(box)}) is not made of numbers");
        if (box.Right <= box.Left || box.Bottom <= box.Top)
            throw new ArgumentException($"{Title(prompt)}: the box ({Text(box)}) is empty; give left, top, right, bottom");
    }

    /// <summary>What depends on the size of the frame.</summary>
    /// <exception cref="ArgumentException">It lies outside, or is of another size.</exception>
    public static void CheckPlace(VideoPrompt prompt, int width, int height)
    {
        foreach (var (x, y, _) in prompt.Points)
            if (x < 0 || y < 0 || x > width || y > height)
                throw new ArgumentException($"{Title(prompt)}: the point ({x}, {y}) is outside the frame of {width} x {height} pixels");
        if (prompt.Box is { } box && (box.Left < 0 || box.Top < 0 || box.Right > width || box.Bottom > height))
            throw new ArgumentException($"{Title(prompt)}: the box ({Text(box)}) leaves the frame of {width} x {height} pixels");
        if (prompt.Mask is { } mask && mask.Length != width * height)
            throw new ArgumentException($"{Title(prompt)}: a mask of {mask.Length} pixels for a frame of {width} x {height}");
    }

    private static string Title(VideoPrompt prompt) => $"frame {prompt.Frame}, object {prompt.ObjectId}";

    private static string Text(VideoBox box) => FormattableString.Invariant($"{box.Left}, {box.Top}, {box.Right}, {box.Bottom}");
}
