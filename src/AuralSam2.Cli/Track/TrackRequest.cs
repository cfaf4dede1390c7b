using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>What <c>aural track</c> was asked to do, checked and complete.</summary>
internal sealed record TrackRequest
{
    /// <summary>Folder of frames; null when <see cref="Video"/> is set.</summary>
    public string? Frames { get; init; }

    /// <summary>Video file; null when <see cref="Frames"/> is set.</summary>
    public string? Video { get; init; }

    /// <summary>Whether the model hears.</summary>
    public bool Hears { get; init; }

    /// <summary>Sound file; null takes the video's own sound.</summary>
    public string? Audio { get; init; }

    /// <summary>What is shown, on the command line and in the file of prompts; masks are still files.</summary>
    public required IReadOnlyList<PromptText> Prompts { get; init; }

    /// <summary>Whether frames before the first prompt are tracked too, backwards.</summary>
    public bool Reverse { get; init; }

    /// <summary>Files of trained weights; empty when <see cref="RuleSeed"/> is set.</summary>
    public IReadOnlyList<string> Weights { get; init; } = [];

    /// <summary>Seed of the rule that makes untrained weights; null for trained ones.</summary>
    public string? RuleSeed { get; init; }

    /// <summary>t, s, b+, l or mini; null takes what the weights are of.</summary>
    public string? Model { get; init; }

    /// <summary>Frames per second at which a video is sampled or a folder of frames stands.</summary>
    public required double FramesPerSecond { get; init; }

    /// <summary>How frames are tracked.</summary>
    public required VideoOptions Options { get; init; }

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
}
