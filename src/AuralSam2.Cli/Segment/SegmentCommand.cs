using System.CommandLine;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary><c>aural segment</c>: its options, and the rules that they obey together.</summary>
internal sealed class SegmentCommand : Command
{
    private const string DefaultOutRoot = "aural-out";
    private const double MostFramesPerSecond = 1000;

    private readonly Option<bool> demo = new("--demo")
    {
        Description =
            "Segment the sample clip that ships with aural, with untrained weights: shows that everything runs, not what a trained model sees.",
    };

    private readonly Option<string?> frames = new("--frames")
    {
        Description = "Folder of pictures, one per frame, in the order of their names. Needs --audio.",
        HelpName = "DIR",
    };

    private readonly Option<string?> video = new("--video") { Description = "Video file (read through ffmpeg on PATH).", HelpName = "FILE" };

    private readonly Option<string?> audio = new("--audio")
    {
        Description = "Sound: WAV, or anything that ffmpeg reads. Without it, a video's own sound.",
        HelpName = "FILE",
    };

    private readonly Option<string[]> weights = new("--weights")
    {
        Description = "Trained weights: safetensors or PyTorch checkpoints, one or several in any order. rule or rule:SEED makes untrained weights by rule.",
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
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<int> window = new("--window")
    {
        Description = "Frames that are fused with the sound at a time; released models were trained on at most 10.",
        HelpName = "N",
        DefaultValueFactory = _ => 10,
    };

    private readonly Option<string> decode = new("--decode")
    {
        Description =
            "Which of the decoder's three masks is taken: the best by predicted IoU, the same but none where the object score is negative, or the first.",
        HelpName = "iou|iou-object|first",
        DefaultValueFactory = _ => "iou",
    };

    private readonly Option<string?> output = new("--out")
    {
        Description = $"Folder for the result. [default: {DefaultOutRoot}/<clip name>]",
        HelpName = "DIR",
    };

    private readonly Option<bool> force = new("--force") { Description = "Replace an earlier result in that folder once the new one is complete." };

    private readonly Option<string> device = SharedOptions.Device();
    private readonly Option<int> threads = SharedOptions.Threads();
    private readonly Option<bool> json = SharedOptions.Json();

    public SegmentCommand(IEngine engine, CommandStreams streams, CancellationToken cancellation)
        : base("segment", "Cuts out the object that makes the sound in every frame of a clip.")
    {
        model.AcceptOnlyFromAmong("t", "s", "b+", "l", "mini");
        decode.AcceptOnlyFromAmong("iou", "iou-object", "first");
        foreach (var option in (Option[])
                [demo, frames, video, audio, weights, model, framesPerSecond, window, decode, output, force, device, threads, json])
            Options.Add(option);
        SetAction(parsed => new SegmentRun(engine, streams, cancellation).Run(RequestOf(parsed)));
    }

    private SegmentRequest RequestOf(ParseResult parsed)
    {
        var (framesFolder, videoFile, audioFile) = ClipOf(parsed);
        var (files, seed) = SharedOptions.WeightsOf(parsed.GetValue(weights) ?? [], byDefault: parsed.GetValue(demo) ? "" : null);
        var rate = parsed.GetValue(framesPerSecond);
        if (!(rate > 0 && rate <= MostFramesPerSecond)) throw new UsageException($"--fps wants a number above 0, at most {MostFramesPerSecond}");
        if (parsed.GetValue(window) < 1) throw new UsageException("--window wants at least 1");
        var name = parsed.GetValue(demo) ? "demo" : SegmentRequest.NameOf(framesFolder, videoFile);
        return new SegmentRequest
        {
            Frames = framesFolder,
            Video = videoFile,
            Audio = audioFile,
            Weights = files,
            RuleSeed = seed,
            Model = parsed.GetValue(model),
            FramesPerSecond = rate,
            Options = new SegmentOptions { Decode = DecodeOf(parsed.GetValue(decode)!), Window = parsed.GetValue(window) },
            Out = parsed.GetValue(output) ?? Path.Combine(DefaultOutRoot, name),
            Force = parsed.GetValue(force),
            Device = parsed.GetValue(device)!,
            Threads = SharedOptions.ThreadsOf(parsed, threads),
            Json = parsed.GetValue(json),
            ClipName = name,
        };
    }

    private (string? Frames, string? Video, string? Audio) ClipOf(ParseResult parsed)
    {
        var clip = (Frames: parsed.GetValue(frames), Video: parsed.GetValue(video), Audio: parsed.GetValue(audio));
        if (parsed.GetValue(demo))
        {
            if (clip != (null, null, null)) throw new UsageException("--demo brings its own clip; leave --frames, --video and --audio out");
            var folder = Path.Combine(AppContext.BaseDirectory, "Demo");
            return (Path.Combine(folder, "frames"), null, Path.Combine(folder, "sound.wav"));
        }

        return clip switch
        {
            (null, null, _) => throw new UsageException("what to segment? Give --frames DIR --audio FILE, or --video FILE, or try --demo"),
            (not null, not null, _) => throw new UsageException("--frames and --video exclude each other"),
            (not null, _, null) => throw new UsageException("--frames needs the sound too: add --audio FILE"),
            _ => clip,
        };
    }

    private static DecodeMode DecodeOf(string name) => name switch
    {
        "iou-object" => DecodeMode.IouObject,
        "first" => DecodeMode.First,
        _ => DecodeMode.Iou,
    };
}
