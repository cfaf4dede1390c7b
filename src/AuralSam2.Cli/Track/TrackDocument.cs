using System.Text.Json.Serialization;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>result.json of <c>aural track</c>, in the manner of <see cref="ResultDocument"/>.</summary>
internal sealed record TrackDocument(
    string Tool,
    string Version,
    string Clip,
    string Model,
    int ImageSize,
    string Weights,
    IReadOnlyList<ModelWeights.File> WeightFiles,
    bool Trained,
    string Device,
    string? DeviceNote,
    int? Threads,
    TrackDocument.TrackedClip Input,
    TrackDocument.Manner Options,
    IReadOnlyList<TrackDocument.Shown> Prompts,
    IReadOnlyList<TrackDocument.ObjectTrack> Objects,
    IReadOnlyList<TrackDocument.Moment> Frames,
    TrackDocument.Timing Timings,
    double PeakMemoryMb)
{
    /// <summary>What was tracked.</summary>
    internal sealed record TrackedClip(string Frames, string? Audio, int Count, int Width, int Height, double Fps);

    /// <summary>How it was tracked.</summary>
    internal sealed record Manner(bool Reverse, bool Hears, int Window, int FillHoles, int RemoveSprinkles, bool Smooth);

    /// <summary>What was shown of an object on a frame.</summary>
    /// <param name="Frame">From 0.</param>
    /// <param name="Object">Its number.</param>
    /// <param name="Points">Points on the object and off it.</param>
    /// <param name="Box">Whether there was a box.</param>
    /// <param name="Mask">Whether it was a mask.</param>
    internal sealed record Shown(int Frame, int Object, int Points, bool Box, bool Mask)
    {
        public static Shown Of(VideoPrompt prompt) =>
            new(prompt.Frame, prompt.ObjectId, prompt.Points.Count, prompt.Box is not null, prompt.Mask is not null);
    }

    /// <summary>An object over the whole clip.</summary>
    /// <param name="Object">Its number.</param>
    /// <param name="Color">Its colour in masks and pictures.</param>
    /// <param name="FramesPresent">Frames on which something of it is seen.</param>
    /// <param name="First">The first of them.</param>
    /// <param name="Last">The last.</param>
    /// <param name="MeanAreaShare">Share of the frame, over those.</param>
    internal sealed record ObjectTrack(int Object, string Color, int FramesPresent, int? First, int? Last, double MeanAreaShare);

    /// <summary>One frame's answer; no objects where it was not tracked.</summary>
    internal sealed record Moment(int Index, double Seconds, string Mask, IReadOnlyList<Found> Objects);

    /// <summary>An object on a frame.</summary>
    /// <param name="Object">Its number: the pixels of the frame's mask that have it, less where a lower number lies above.</param>
    /// <param name="Prompted">Whether it was shown there.</param>
    /// <param name="PredictedIou">The model's own estimate of the mask's quality.</param>
    /// <param name="ObjectScore">Logit; above 0 the model believes that the object is in the frame.</param>
    /// <param name="Area">Pixels.</param>
    /// <param name="AreaShare">Share of the frame.</param>
    /// <param name="Box">[x0, y0, x1, y1], ends exclusive; null where nothing is seen of it.</param>
    internal sealed record Found(
        int Object, bool Prompted, double PredictedIou, double ObjectScore, int Area, double AreaShare,
        [property: JsonConverter(typeof(OneLineBox))] int[]? Box);

    /// <summary>Where the time went, in seconds.</summary>
    /// <param name="OpenS">Opening the clip.</param>
    /// <param name="LoadS">Loading weights and building the model.</param>
    /// <param name="Stages">Prompting and tracking; what <paramref name="FramesPerSecond"/> counts.</param>
    /// <param name="WriteS">Drawing and writing pictures.</param>
    /// <param name="TotalS">From the start of the command to this file.</param>
    /// <param name="FramesPerSecond">Tracked frames over the time of all stages.</param>
    internal sealed record Timing(
        double OpenS, double LoadS, IReadOnlyDictionary<string, double> Stages, double WriteS, double TotalS, double FramesPerSecond);
}
