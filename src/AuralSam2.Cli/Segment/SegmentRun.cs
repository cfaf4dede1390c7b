using System.Diagnostics;
using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>One run of <c>aural segment</c>: from the checks that cost nothing to the complete result.</summary>
internal sealed class SegmentRun(IEngine engine, CommandStreams streams, CancellationToken cancellation)
{
    public const string UntrainedNotice = "untrained weights made by rule: the masks show that everything runs, and mean nothing";

    private readonly long start = Stopwatch.GetTimestamp();
    private readonly double startupSeconds = (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds;

    /// <summary>Runs it.</summary>
    /// <returns>Exit code.</returns>
    public int Run(SegmentRequest request)
    {
        RequireInputs(request);
        using var folder = ResultFolder.Prepare(request.Out, request.Force);
        var opening = Stopwatch.GetTimestamp();
        using var device = ChosenDevice.Open(engine, streams, request.Device, request.Threads);
        using var weights = request.RuleSeed is { } seed ? engine.RuleWeights(seed) : engine.OpenWeights(request.Weights);
        var model = weights.Choose(request.Model);
        foreach (var file in weights.Files) streams.Error.WriteLine($"weights: {file}");
        using var frames = new SharedFrames(request.Video is { } video
            ? engine.OpenVideo(video, request.FramesPerSecond, cancellation)
            : engine.OpenFrames(request.Frames!, request.FramesPerSecond));
        var sound = request.Audio is { } audio ? engine.ReadSound(audio, cancellation) : engine.ReadVideoSound(request.Video!, cancellation);
        folder.EnsureRoom(BytesOf(frames));
        var openSeconds = Stopwatch.GetElapsedTime(opening).TotalSeconds;
        if (request.RuleSeed is not null) streams.Error.WriteLine($"note: {UntrainedNotice}");

        var result = ProgressDisplay.Run(streams, display =>
        {
            var clip = new Clip(request, model, frames, sound, device, weights);
            return Segment(clip, folder, display, openSeconds);
        });
        cancellation.ThrowIfCancellationRequested();
        folder.Complete();
        if (request.Json) streams.Out.WriteLine(JsonSerializer.Serialize(result, ResultJson.Of.ResultDocument));
        else SegmentSummary.Print(streams, result, request.Out);
        return ExitCode.Done;
    }

    private ResultDocument Segment(Clip clip, ResultFolder folder, ProgressDisplay display, double openSeconds)
    {
        var (request, model, frames, sound, chosen, weights) = clip;
        var device = chosen.Device;
        var loading = Stopwatch.GetTimestamp();
        using var segmenter = engine.Load(device, model, weights.Source, new LoadProgress(display, model));
        var loadSeconds = Stopwatch.GetElapsedTime(loading).TotalSeconds;

        var clock = new StageClock(display);
        var overview = new OverviewPicture(frames.Count, frames.Width, frames.Height);
        var answers = new List<ResultDocument.Frame>();
        var (firstMaskSeconds, writeSeconds) = (0.0, 0.0);
        foreach (var frame in segmenter.Segment(frames, sound, request.Options, clock, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            if (answers.Count == 0) firstMaskSeconds = startupSeconds + Stopwatch.GetElapsedTime(start).TotalSeconds;
            writeSeconds += clock.Aside(() => answers.Add(Write(frame, frames, folder, overview)));
        }

        clock.Stop();
        display.Report(new SegmentProgress("drawing the overview", 1, 1));
        writeSeconds += clock.Aside(() => overview.Save(
            folder.PathOf(ResultFolder.OverviewFile),
            TitleOf(clip, segmenter),
            engine.Spectrogram(device, sound),
            sound.Seconds));

        var result = new ResultDocument(
            "aural", AuralCommand.Version, request.ClipName, segmenter.ModelName, segmenter.ImageSize, weights.Source.Description,
            weights.Files, request.RuleSeed is null, device.Name, chosen.Note, (device as CpuDevice)?.Threads, InputOf(clip), ChoicesOf(request.Options), answers,
            new ResultDocument.Durations(
                Math.Round(startupSeconds, 3), Math.Round(firstMaskSeconds, 3), Math.Round(openSeconds, 3), Math.Round(loadSeconds, 3),
                clock.Seconds, Math.Round(writeSeconds, 3),
                Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 3), Math.Round(answers.Count / Math.Max(clock.Total, 1e-9), 3)),
            Math.Round(Process.GetCurrentProcess().PeakWorkingSet64 / (1024.0 * 1024.0), 1));
        File.WriteAllText(folder.PathOf(ResultFolder.ResultFile), JsonSerializer.Serialize(result, ResultJson.Of.ResultDocument) + "\n");
        return result;
    }

    private ResultDocument.Frame Write(SegmentedFrame frame, SharedFrames frames, ResultFolder folder, OverviewPicture overview)
    {
        var image = frames.Take(frame.Index);
        var (mask, overlay) = ($"masks/{frame.Index:00000}.png", $"overlays/{frame.Index:00000}.png");
        engine.WriteGray(folder.PathOf(mask), frames.Width, frames.Height, frame.Mask);
        engine.WriteRgb(folder.PathOf(overlay), MaskOverlay.Paint(image, frame.Mask, MaskOverlay.ContourOf(image.Width, image.Height)));
        overview.Add(frame, image);
        var (area, box) = MaskExtent.Of(frame.Mask, frames.Width);
        return new ResultDocument.Frame(
            frame.Index, Math.Round(frame.Seconds, 4), Rounded(frame.PredictedIou), Rounded(frame.ObjectScore),
            area, Math.Round((double)area / frame.Mask.Length, 5), box, mask, overlay);
    }

    private static void RequireInputs(SegmentRequest request)
    {
        if (request.Frames is { } folder && !Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{folder}: no such folder; check --frames");
        RequireFile(request.Video, "--video");
        RequireFile(request.Audio, "--audio");
        foreach (var file in request.Weights) RequireFile(file, "--weights");
    }

    /// <summary>Refuses an option whose file does not exist.</summary>
    public static void RequireFile(string? file, string option)
    {
        if (file is null || File.Exists(file)) return;
        throw new FileNotFoundException(
            Directory.Exists(file)
                ? $"{file}: is a folder; {option} wants a file"
                : $"{file}: no such file; check {option}");
    }

    /// <summary>Roughly: a mask hardly needs any room, an overlay as PNG at most its raw size.</summary>
    private static long BytesOf(IFrameSource frames) => (4L << 20) + frames.Count * (long)frames.Width * frames.Height * 3;

    private static double Rounded(float value) => Math.Round(value, 4);

    private static OverviewTitle TitleOf(Clip clip, ISegmenter segmenter) => new(
        clip.Request.ClipName,
        [
            segmenter.ModelName,
            $"{clip.Frames.Count} frame{(clip.Frames.Count == 1 ? "" : "s")} of {clip.Frames.Width} × {clip.Frames.Height}",
            $"{clip.Sound.Seconds:0.0} s of sound",
        ],
        clip.Request.RuleSeed is null ? null : "untrained weights: masks are meaningless");

    private static ResultDocument.InputClip InputOf(Clip clip) => new(
        clip.Frames.Description, clip.Request.Audio ?? clip.Request.Video!, clip.Frames.Count, clip.Frames.Width, clip.Frames.Height,
        clip.Frames.FramesPerSecond, Math.Round(clip.Sound.Seconds, 4), clip.Sound.SampleRate, clip.Sound.Channels.Count);

    private static ResultDocument.Choices ChoicesOf(SegmentOptions options) => new(
        options.Decode switch
        {
            DecodeMode.IouObject => "iou-object",
            DecodeMode.First => "first",
            _ => "iou",
        },
        options.Window);

    /// <summary>What a run works on.</summary>
    private sealed record Clip(
        SegmentRequest Request, string Model, SharedFrames Frames, Waveform Sound, ChosenDevice Device, ModelWeights Weights);

    /// <summary>Shows how much of a model is loaded.</summary>
    public sealed class LoadProgress(IProgress<SegmentProgress> display, string model) : IProgress<double>
    {
        public void Report(double value) => display.Report(new SegmentProgress($"loading model {model}", (int)(100 * value), 100));
    }
}
