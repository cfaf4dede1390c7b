using System.Diagnostics;
using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>One run of <c>aural track</c>: from the checks that cost nothing to the complete result.</summary>
internal sealed class TrackRun(IEngine engine, CommandStreams streams, CancellationToken cancellation)
{
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Runs it.</summary>
    /// <returns>Exit code.</returns>
    public int Run(TrackRequest request)
    {
        if (request.Frames is { } folderOfFrames && !Directory.Exists(folderOfFrames))
            throw new DirectoryNotFoundException($"{folderOfFrames}: no such folder; check --frames");
        SegmentRun.RequireFile(request.Video, "--video");
        SegmentRun.RequireFile(request.Audio, "--audio");
        foreach (var file in request.Weights) SegmentRun.RequireFile(file, "--weights");
        foreach (var prompt in request.Prompts) SegmentRun.RequireFile(prompt.MaskFile, "--mask");
        using var folder = ResultFolder.Prepare(request.Out, request.Force);
        var opening = Stopwatch.GetTimestamp();
        using var frames = new ClipFrames(request.Video is { } video
            ? engine.OpenVideo(video, request.FramesPerSecond, cancellation)
            : engine.OpenFrames(request.Frames!, request.FramesPerSecond));
        var prompts = PromptText.Resolve(request.Prompts, frames.Count, frames.Width, frames.Height);
        var sound = !request.Hears ? null
            : request.Audio is { } audio ? engine.ReadSound(audio, cancellation) : engine.ReadVideoSound(request.Video!, cancellation);
        using var device = ChosenDevice.Open(engine, streams, request.Device, request.Threads);
        using var weights = request.RuleSeed is { } seed ? engine.RuleWeights(seed)
            : request.Hears ? engine.OpenWeights(request.Weights) : engine.OpenSam2Weights(request.Weights);
        var model = weights.Choose(request.Model);
        foreach (var file in weights.Files) streams.Error.WriteLine($"weights: {file}");
        folder.EnsureRoom((4L << 20) + (frames.Count * (long)frames.Width * frames.Height * 3));
        var openSeconds = Stopwatch.GetElapsedTime(opening).TotalSeconds;
        if (request.RuleSeed is not null) streams.Error.WriteLine($"note: {SegmentRun.UntrainedNotice}");

        var result = ProgressDisplay.Run(streams, display =>
            Track(new Clip(request, model, frames, sound, prompts, device, weights), folder, display, openSeconds));
        cancellation.ThrowIfCancellationRequested();
        folder.Complete();
        if (request.Json) streams.Out.WriteLine(JsonSerializer.Serialize(result, ResultJson.Of.TrackDocument));
        else TrackSummary.Print(streams, result, request.Out);
        return ExitCode.Done;
    }

    private TrackDocument Track(Clip clip, ResultFolder folder, ProgressDisplay display, double openSeconds)
    {
        var (request, model, frames, sound, prompts, chosen, weights) = clip;
        var loading = Stopwatch.GetTimestamp();
        using var tracker = engine.LoadTracker(
            chosen.Device, model, weights.Source, request.Hears, request.Options, new SegmentRun.LoadProgress(display, model));
        var loadSeconds = Stopwatch.GetElapsedTime(loading).TotalSeconds;

        var clock = new StageClock(display);
        var tracks = new TrackResults(frames);
        var writeSeconds = 0.0;
        using (var session = tracker.Open(frames, sound))
        {
            for (var i = 0; i < prompts.Count; i++)
            {
                clock.Report(new SegmentProgress("showing objects", i, prompts.Count));
                session.Prompt(prompts[i], cancellation);
            }

            var first = prompts[0].Frame;
            Propagate(new PropagateOptions { From = first });
            if (request.Reverse && first > 0) Propagate(new PropagateOptions { From = first - 1, Reverse = true });

            void Propagate(PropagateOptions options)
            {
                foreach (var frame in session.PropagateAsync(options, clock, cancellation).ToBlockingEnumerable(cancellation))
                    writeSeconds += clock.Aside(() => tracks.Add(frame, indices => WriteMask(folder, frames, frame.Index, indices)));
            }
        }

        clock.Stop();
        writeSeconds += clock.Aside(() => Draw(clip, tracker, folder, tracks, display));
        var result = new TrackDocument(
            "aural", AuralCommand.Version, request.ClipName, tracker.ModelName, tracker.ImageSize, weights.Source.Description, weights.Files,
            request.RuleSeed is null, chosen.Device.Name, chosen.Note, (chosen.Device as CpuDevice)?.Threads,
            new TrackDocument.TrackedClip(
                frames.Description, sound is null ? null : request.Audio ?? request.Video, frames.Count, frames.Width, frames.Height, frames.FramesPerSecond),
            new TrackDocument.Manner(
                request.Reverse, request.Hears, request.Options.Window, request.Options.Cleanup.FillHolesUpTo,
                request.Options.Cleanup.RemoveSprinklesUpTo, request.Options.Cleanup.SmoothEdges),
            [.. prompts.Select(TrackDocument.Shown.Of)],
            tracks.Objects, tracks.Frames,
            new TrackDocument.Timing(
                Math.Round(openSeconds, 3), Math.Round(loadSeconds, 3), clock.Seconds, Math.Round(writeSeconds, 3),
                Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 3), Math.Round(tracks.Tracked / Math.Max(clock.Total, 1e-9), 3)),
            Math.Round(Process.GetCurrentProcess().PeakWorkingSet64 / (1024.0 * 1024.0), 1));
        File.WriteAllText(folder.PathOf(ResultFolder.ResultFile), JsonSerializer.Serialize(result, ResultJson.Of.TrackDocument) + "\n");
        return result;
    }

    /// <summary>Everything that a person looks at, in the order of the frames, which tracking need not have had.</summary>
    private void Draw(Clip clip, ITracker tracker, ResultFolder folder, TrackResults tracks, ProgressDisplay display)
    {
        var frames = clip.Frames;
        var timeline = new TimelinePicture(tracks, clip.Prompts);
        using (var video = engine.BeginVideo(folder.PathOf(ResultFolder.OverlayFile), frames.Width, frames.Height, frames.FramesPerSecond))
        {
            for (var i = 0; i < frames.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                display.Report(new SegmentProgress("drawing", i, frames.Count));
                if (!tracks.Has(i)) WriteMask(folder, frames, i, new byte[frames.Width * frames.Height]);
                var numbers = MaskPicture.Read(folder.PathOf(TrackResults.MaskOf(i)));
                var picture = ObjectOverlay.Paint(frames.Read(i), numbers, MaskOverlay.ContourOf(frames.Width, frames.Height));
                if (video is not null) video.Add(picture);
                else engine.WriteRgb(folder.PathOf($"overlays/{i:00000}.png"), picture);
                timeline.Add(i, picture);
            }

            video?.Complete();
            if (video is not null) folder.Leave("overlays");
        }

        var request = clip.Request;
        timeline.Save(
            folder.PathOf(ResultFolder.TimelineFile),
            new OverviewTitle(
                request.ClipName,
                [
                    tracker.ModelName,
                    $"{frames.Count} frame{(frames.Count == 1 ? "" : "s")} of {frames.Width} × {frames.Height}",
                    clip.Sound is { } sound ? $"{sound.Seconds:0.0} s of sound" : "no sound",
                ],
                request.RuleSeed is null ? null : "untrained weights: masks are meaningless"));
    }

    private void WriteMask(ResultFolder folder, IFrameSource frames, int index, byte[] indices) =>
        engine.WriteIndexed(folder.PathOf(TrackResults.MaskOf(index)), frames.Width, frames.Height, indices);

    /// <summary>What a run works on.</summary>
    private sealed record Clip(
        TrackRequest Request, string Model, ClipFrames Frames, Waveform? Sound, IReadOnlyList<VideoPrompt> Prompts, ChosenDevice Device,
        ModelWeights Weights);
}
