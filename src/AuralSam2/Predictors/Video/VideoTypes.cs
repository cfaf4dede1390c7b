using AuralSam2.PostProcessing;

namespace AuralSam2.Predictors;

/// <summary>A click.</summary>
/// <param name="X">Column in pixels of the frame, 0 .. width.</param>
/// <param name="Y">Row in pixels of the frame, 0 .. height.</param>
/// <param name="IsOnObject">True on the object, false outside of it.</param>
public readonly record struct VideoPoint(float X, float Y, bool IsOnObject = true);

/// <summary>A box around an object, in pixels of the frame.</summary>
public readonly record struct VideoBox(float Left, float Top, float Right, float Bottom);

/// <summary>What is shown of one object on one frame: points and at most one box, or a mask.</summary>
/// <param name="Frame">Frame number, from 0.</param>
/// <param name="ObjectId">Which object; a new number is a new object.</param>
public sealed record VideoPrompt(int Frame, int ObjectId = 1)
{
    /// <summary>Clicks.</summary>
    public IReadOnlyList<VideoPoint> Points { get; init; } = [];

    /// <summary>A box around the object.</summary>
    public VideoBox? Box { get; init; }

    /// <summary>
    /// The object itself: <c>[height, width]</c> of the frame, row-major; every byte but 0 is on it. Excludes points and box.
    /// </summary>
    public byte[]? Mask { get; init; }

    /// <summary>Whether points given earlier for this object and frame count too. A box then cannot be given: it comes first.</summary>
    public bool AddToEarlier { get; init; }

    /// <summary>Demands that the prompt makes sense for a clip, before anything is computed.</summary>
    /// <param name="frames">Frames of the clip.</param>
    /// <param name="width">Pixels of one row of a frame.</param>
    /// <param name="height">Rows of a frame.</param>
    /// <exception cref="ArgumentException">An empty prompt, a mask of another size, an empty box, a number that is none, or one outside
    /// the clip.</exception>
    public void EnsureFits(int frames, int width, int height)
    {
        PromptCheck.Check(this, frames);
        PromptCheck.CheckPlace(this, width, height);
    }
}

/// <summary>How videos are tracked.</summary>
public sealed record VideoOptions
{
    /// <summary>
    /// Whether a frame that is prompted after it was tracked becomes a conditioning frame, which every other frame sees and which is not
    /// tracked again: a correction holds (add_all_frames_to_correct_as_cond of SAM2's own predictor). False tracks over it.
    /// </summary>
    public bool CorrectionsCondition { get; init; } = true;

    /// <summary>
    /// Whether the memory of every frame is kept, 1.3 MB for each frame and object at 1024 x 1024, so that corrections anywhere in a clip
    /// see their neighbours. False keeps those within sight (16 frames) of the current frame and of conditioning frames. Streams always
    /// do that.
    /// </summary>
    public bool RememberEveryFrame { get; init; } = true;

    /// <summary>
    /// Encoded frames that are kept, 17 MB each at 1024 x 1024, so that prompting one of them again costs only the decoder.
    /// </summary>
    public int EncodedFrames { get; init; } = 4;

    /// <summary>
    /// Frames that are fused with the sound at a time; released models were trained on at most 10. Without sound it does not matter.
    /// </summary>
    public int Window { get; init; } = 10;

    /// <summary>How masks are tidied when they are handed out, at the size of the frame; memories see them as they were decoded.</summary>
    public MaskCleanupOptions Cleanup { get; init; } = new();
}

/// <summary>Which frames are tracked.</summary>
public sealed record PropagateOptions
{
    /// <summary>
    /// The first frame; null takes the first conditioning frame of any object. Not for streams, which go on where they are.
    /// </summary>
    public int? From { get; init; }

    /// <summary>Whether to go backwards. Not for streams.</summary>
    public bool Reverse { get; init; }

    /// <summary>Frames at most; null goes on to the end.</summary>
    public int? MaxFrames { get; init; }
}

/// <summary>All objects of one frame.</summary>
/// <param name="Index">Frame number, from 0.</param>
/// <param name="Seconds">Where the frame stands in the clip.</param>
/// <param name="Objects">In the order in which they were added; those without any conditioning frame are left out.</param>
public sealed record TrackedFrame(int Index, double Seconds, IReadOnlyList<TrackedObject> Objects);

/// <summary>One object on one frame.</summary>
/// <param name="Id">Which object.</param>
/// <param name="Mask"><c>[height, width]</c> of the frame, row-major, 0 or 255.</param>
/// <param name="PredictedIou">The decoder's own estimate of the mask's quality, 0 .. 1; 1 for a mask that was given.</param>
/// <param name="ObjectScore">Logit: above 0 the decoder believes that the object is in the frame. Where it is not the mask is
/// empty.</param>
/// <param name="IsPrompted">Whether the frame is a conditioning frame of the object: its mask came from a prompt.</param>
public sealed record TrackedObject(int Id, byte[] Mask, float PredictedIou, float ObjectScore, bool IsPrompted);
