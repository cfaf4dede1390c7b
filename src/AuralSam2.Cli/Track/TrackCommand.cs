using System.CommandLine;
using AuralSam2.PostProcessing;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary><c>aural track</c>: its options, and the rules that they obey together.</summary>
internal sealed class TrackCommand : Command
{
    private const string DefaultOutRoot = "aural-out";
    private const double MostFramesPerSecond = 1000;

    private readonly Option<string?> frames = new("--frames") { Description = "Folder of pictures, one per frame, in the order of their names.", HelpName = "DIR" };

    private readonly Option<string?> video = new("--video") { Description = "Video file (read through ffmpeg on PATH).", HelpName = "FILE" };

    private readonly Option<string[]> points = new("--point")
    {
        Description = "A point in pixels of a frame; label 1 is on the object, 0 is not. Objects are numbered from 1, the default.",
        HelpName = "FRAME,X,Y,LABEL[,OBJECT]",
    };

    private readonly Option<string[]> boxes = new("--box") { Description = "A box around an object.", HelpName = "FRAME,X0,Y0,X1,Y1[,OBJECT]" };

    private readonly Option<string[]> masks = new("--mask")
    {
        Description = "A picture of the object: white on black, or one of DAVIS' with a number for every object, which then are all tracked.",
        HelpName = "FRAME,FILE[,OBJECT]",
    };

    private readonly Option<string?> prompts = new("--prompts") { Description = "Points, boxes and masks as JSON.", HelpName = "FILE" };

    private readonly Option<string?> audio = new("--audio")
    {
        Description = "Listen as well: to this sound, or without FILE to the video's own. Needs weights with AuralFuser.",
        HelpName = "FILE",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> reverse = new("--reverse") { Description = "Track the frames before the first prompt too, backwards." };

    private readonly Option<string[]> weights = new("--weights")
    {
        Description = "Trained weights of SAM2, or of AuralSAM2: safetensors or PyTorch checkpoints, in any order. rule or rule:SEED makes untrained ones.",
        HelpName = "FILE...",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> model = new("--model")
    {
        Description = "Size of the image encoder: t, s, b+ or l. The weights tell it; with rule weights it is t, or mini, a tiny one for trials.",
        HelpName = "t|s|b+|l",
    };

    private readonly Option<double> framesPerSecond = new("--fps")
    {
        Description = "Frames per second: how densely a video is sampled, or how a folder's frames are spaced.",
        HelpName = "N",
        DefaultValueFactory = _ => 24,
    };

    private readonly Option<int> window = new("--window")
    {
        Description = "Frames that are fused with the sound at a time; released models were trained on at most 10.",
        HelpName = "N",
        DefaultValueFactory = _ => 10,
    };

    private readonly Option<int> fillHoles = new("--fill-holes") { Description = "Fill holes of at most so many pixels in every mask.", HelpName = "PIXELS" };

    private readonly Option<int> removeSprinkles = new("--remove-sprinkles")
    {
        Description = "Remove islands of at most so many pixels from every mask.",
        HelpName = "PIXELS",
    };

    private readonly Option<bool> smooth = new("--smooth") { Description = "Smooth the edges of every mask." };

    private readonly Option<string?> output = new("--out") { Description = $"Folder for the result. [default: {DefaultOutRoot}/<clip name>]", HelpName = "DIR" };

    private readonly Option<bool> force = new("--force") { Description = "Replace an earlier result in that folder once the new one is complete." };

    private readonly Option<string> device = SharedOptions.Device();
    private readonly Option<int> threads = SharedOptions.Threads();
    private readonly Option<bool> json = SharedOptions.Json();

    public TrackCommand(IEngine engine, CommandStreams streams, CancellationToken cancellation)
        : base("track", "Follows objects that you show by points, boxes or masks through a video.")
    {
        model.AcceptOnlyFromAmong("t", "s", "b+", "l", "mini");
        foreach (var option in (Option[])
                [
                    frames, video, points, boxes, masks, prompts, audio, reverse, weights, model, framesPerSecond, window, fillHoles, removeSprinkles,
                    smooth, output, force, device, threads, json,
                ])
            Options.Add(option);
        SetAction(parsed => new TrackRun(engine, streams, cancellation).Run(RequestOf(parsed)));
    }

    private TrackRequest RequestOf(ParseResult parsed)
    {
        var (framesFolder, videoFile) = (parsed.GetValue(frames), parsed.GetValue(video));
        if (framesFolder is null && videoFile is null) throw new UsageException("what to track? Give --frames DIR or --video FILE");
        if (framesFolder is not null && videoFile is not null) throw new UsageException("--frames and --video exclude each other");
        var (files, seed) = SharedOptions.WeightsOf(parsed.GetValue(weights) ?? [], byDefault: null);
        var rate = parsed.GetValue(framesPerSecond);
        if (!(rate > 0 && rate <= MostFramesPerSecond)) throw new UsageException($"--fps wants a number above 0, at most {MostFramesPerSecond}");
        if (parsed.GetValue(window) < 1) throw new UsageException("--window wants at least 1");
        var cleanup = new MaskCleanupOptions(parsed.GetValue(fillHoles), parsed.GetValue(removeSprinkles), parsed.GetValue(smooth));
        if (cleanup.FillHolesUpTo < 0 || cleanup.RemoveSprinklesUpTo < 0)
            throw new UsageException("--fill-holes and --remove-sprinkles want a number of pixels, 0 or more");
        var (hears, sound) = (parsed.GetResult(audio) is not null, parsed.GetValue(audio));
        if (hears && sound is null && videoFile is null)
            throw new UsageException("--audio without a file is the video's own sound; with --frames give --audio FILE");
        PromptText[] shown =
        [
            .. parsed.GetValue(prompts) is { } file ? PromptText.FileOf(file) : [],
            .. (parsed.GetValue(boxes) ?? []).Select(PromptText.BoxOf),
            .. (parsed.GetValue(points) ?? []).Select(PromptText.PointOf),
            .. (parsed.GetValue(masks) ?? []).Select(PromptText.MaskOf),
        ];
        if (shown.Length == 0) throw new UsageException("which object? Show it with --point, --box, --mask or --prompts");
        var name = SegmentRequest.NameOf(framesFolder, videoFile);
        return new TrackRequest
        {
            Frames = framesFolder,
            Video = videoFile,
            Hears = hears,
            Audio = sound,
            Prompts = shown,
            Reverse = parsed.GetValue(reverse),
            Weights = files,
            RuleSeed = seed,
            Model = parsed.GetValue(model),
            FramesPerSecond = rate,
            Options = new VideoOptions { Window = parsed.GetValue(window), RememberEveryFrame = false, Cleanup = cleanup },
            Out = parsed.GetValue(output) ?? Path.Combine(DefaultOutRoot, name),
            Force = parsed.GetValue(force),
            Device = parsed.GetValue(device)!,
            Threads = SharedOptions.ThreadsOf(parsed, threads),
            Json = parsed.GetValue(json),
            ClipName = name,
        };
    }
}
