using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>What <c>aural segment</c> was asked to do, checked and complete.</summary>
internal sealed record SegmentRequest
{
    /// <summary>Folder of frames; null when <see cref="Video"/> is set.</summary>
    public string? Frames { get; init; }

    /// <summary>Video file; null when <see cref="Frames"/> is set.</summary>
    public string? Video { get; init; }

    /// <summary>Sound file; null takes the video's own sound.</summary>
    public string? Audio { get; init; }

    /// <summary>Files of trained weights; empty when <see cref="RuleSeed"/> is set.</summary>
    public IReadOnlyList<string> Weights { get; init; } = [];

    /// <summary>Seed of the rule that makes untrained weights; null for trained ones.</summary>
    public string? RuleSeed { get; init; }

    /// <summary>t, s, b+, l or mini; null takes what the weights are of.</summary>
    public string? Model { get; init; }

    /// <summary>Frames per second at which a video is sampled or a folder of frames stands.</summary>
    public required double FramesPerSecond { get; init; }

    /// <summary>How the model's answers become masks.</summary>
    public required SegmentOptions Options { get; init; }

    /// <summary>Folder of the result.</summary>
    public required string Out { get; init; }

    /// <summary>Replace an earlier result.</summary>
    public bool Force { get; init; }

    /// <summary>What computes, in the words of <see cref="Kernels.DeviceChoice"/>.</summary>
    public required string Device { get; init; }

    /// <summary>Threads of the processor; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Print result.json instead of a summary.</summary>
    public bool Json { get; init; }

    /// <summary>What the clip is called in titles and folder names.</summary>
    public required string ClipName { get; init; }

    /// <summary>A clip's name: the video file's, or that of the folder that holds the frames.</summary>
    public static string NameOf(string? frames, string? video)
    {
        if (video is not null) return Path.GetFileNameWithoutExtension(video);
        var folder = new DirectoryInfo(frames!);
        // clips/horse/frames is the clip "horse".
        var name = folder.Name == "frames" && folder.Parent is { Parent: not null } parent ? parent.Name : folder.Name;
        return name.Trim('/', '\\') is { Length: > 0 } usable ? usable : "clip";
    }
}
