namespace AuralSam2.Media;

/// <summary>Frames per second, as frame sources take them.</summary>
internal static class FrameRate
{
    /// <summary>Refuses what is no rate.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not above 0, or beyond 1000.</exception>
    public static void Check(double framesPerSecond)
    {
        if (!(framesPerSecond is > 0 and <= 1000))
            throw new ArgumentOutOfRangeException(nameof(framesPerSecond), framesPerSecond, "frames per second must be above 0 and at most 1000");
    }
}
