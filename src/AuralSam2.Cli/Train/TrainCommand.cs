using System.CommandLine;
using AuralSam2.Data;
using AuralSam2.Training;

namespace AuralSam2.Cli;

/// <summary><c>aural train</c>: its options, and the rules that they obey together.</summary>
internal sealed class TrainCommand : Command
{
    private readonly Option<string?> data = new("--data") { Description = "Folder that holds AVSBench or REFAVS.", HelpName = "DIR" };

    private readonly Option<string?> dataset = new("--dataset")
    {
        Description = "What to learn from.",
        HelpName = string.Join('|', DatasetNames.AllKinds),
    };

    private readonly Option<string?> model = new("--model")
    {
        Description = "Size of the image encoder. The weights tell it; with rule weights it is t.",
        HelpName = "t|s|b+|l|mini",
    };

    private readonly Option<string[]> weights = new("--weights")
    {
        Description =
            "SAM2 and VGGish, which stay as they are, and AuralFuser where it is to be trained further; in any order. rule or rule:SEED for trials.",
        HelpName = "FILE...",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<int?> epochs = new("--epochs")
    {
        Description = "Times that every clip is seen. [default: the original's: 140, v2 90, refavs 50]",
        HelpName = "N",
    };

    private readonly Option<double?> rate = Number("--lr", "Learning rate at the start; it falls to nearly 0. [default: 0.0001]");
    private readonly Option<double?> weightDecay = Number("--weight-decay", "Weight decay of linear and convolution layers. [default: 0.05]");
    private readonly Option<double?> dropout = Number("--dropout", "Share of values that are dropped. [default: 0.1]");

    private readonly Option<string?> audioCon = new("--audiocon")
    {
        Description = "Contrastive loss between sound and pixels: as in the released code, as in the paper, or none. [default: released]",
        HelpName = "released|paper|none",
    };

    private readonly Option<int?> accumulate = new("--accumulate")
    {
        Description = "Clips whose gradients are averaged in a step. [default: 4, as on the original's four GPUs]",
        HelpName = "N",
    };

    private readonly Option<double?> clipNorm = Number("--clip-norm", "Shorten gradients whose norm is larger. [default: never]");
    private readonly Option<bool> trainVggish = new("--train-vggish") { Description = "Train VGGish too, at a tenth of the learning rate." };

    private readonly Option<ulong?> seed = new("--seed")
    {
        Description = "Decides the order of clips, augmentation, dropout and sampling. [default: 666]",
        HelpName = "N",
    };

    private readonly Option<int?> imageSize = new("--image-size")
    {
        Description = "Edge of the square that the model sees, a multiple of 32. [default: 1024, mini 128]",
        HelpName = "PIXELS",
    };

    private readonly Option<bool> resume = new("--resume")
    {
        Description = "Go on with the run in --out; what it was begun with need not be said again.",
    };

    private readonly Option<int> validateEvery = new("--validate-every")
    {
        Description = "Epochs between validations; 0 for none.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<int> saveEvery = new("--save-every")
    {
        Description = "Steps between checkpoints within an epoch; 0 for none but at its end.",
        HelpName = "N",
        DefaultValueFactory = _ => 50,
    };

    private readonly Option<string?> output = new("--out") { Description = "Folder of the run.", HelpName = "DIR" };
    private readonly Option<string> device = SharedOptions.Device();
    private readonly Option<int> threads = SharedOptions.Threads();
    private readonly Option<bool> json = SharedOptions.Json();

    public TrainCommand(IEngine engine, CommandStreams streams, CancellationToken cancellation)
        : base("train", "Trains AuralFuser on a dataset of clips; an interrupted run goes on as if nothing had happened.")
    {
        model.AcceptOnlyFromAmong("t", "s", "b+", "l", "mini");
        dataset.AcceptOnlyFromAmong([.. DatasetNames.AllKinds]);
        audioCon.AcceptOnlyFromAmong("released", "paper", "supcon", "none");
        foreach (var option in (Option[])
        [
            data, dataset, model, weights, epochs, rate, weightDecay, dropout, audioCon, accumulate, clipNorm, trainVggish, seed, imageSize,
            resume, validateEvery, saveEvery, output, device, threads, json,
        ])
            Options.Add(option);
        SetAction(parsed => new TrainRun(engine, streams, cancellation).Run(RequestOf(parsed)));
    }

    private static Option<double?> Number(string name, string description) => new(name) { Description = description, HelpName = "X" };

    private TrainRequest RequestOf(ParseResult parsed)
    {
        var isNew = !parsed.GetValue(resume);
        Require(parsed.GetValue(output) is not null, "where to? Give --out DIR");
        Require(!isNew || parsed.GetValue(data) is not null, "what to learn from? Give --data DIR");
        Require(!isNew || parsed.GetValue(dataset) is not null, $"which dataset? Give --dataset {string.Join('|', DatasetNames.AllKinds)}");
        var given = parsed.GetValue(weights) is { Length: > 0 } some ? some : null;
        Require(!isNew || given is not null, "which weights to begin with? Give --weights FILE..., or --weights rule for a trial");
        Require(given is null or [_] || !given.Any(TrainRun.IsRule), "--weights rule stands alone: it makes every weight");
        Require(parsed.GetValue(epochs) is null or >= 1, "--epochs wants at least 1");
        Require(parsed.GetValue(rate) is null or > 0 and < 1, "--lr wants a number above 0, below 1");
        Require(parsed.GetValue(weightDecay) is null or >= 0 and < double.PositiveInfinity, "--weight-decay wants 0 or more");
        Require(parsed.GetValue(dropout) is null or >= 0 and < 1, "--dropout wants 0 or more, below 1");
        Require(parsed.GetValue(accumulate) is null or >= 1 and <= 1024, "--accumulate wants 1 .. 1024");
        Require(parsed.GetValue(clipNorm) is null or > 0 and < double.PositiveInfinity, "--clip-norm wants a number above 0");
        Require(parsed.GetValue(imageSize) is not { } size || (size >= 64 && size % 32 == 0), "--image-size wants a multiple of 32, at least 64");
        Require(parsed.GetValue(validateEvery) >= 0, "--validate-every wants 0 or more");
        Require(parsed.GetValue(saveEvery) >= 0, "--save-every wants 0 or more");
        return new TrainRequest
        {
            Data = parsed.GetValue(data),
            Dataset = parsed.GetValue(dataset),
            Model = parsed.GetValue(model),
            Weights = given,
            Change = settings => Change(parsed, settings),
            Out = parsed.GetValue(output)!,
            Resume = !isNew,
            Pace = new TrainingPace(parsed.GetValue(validateEvery), parsed.GetValue(saveEvery)),
            Device = parsed.GetValue(device)!,
            Threads = SharedOptions.ThreadsOf(parsed, threads),
            Json = parsed.GetValue(json),
        };
    }

    private TrainingSettings Change(ParseResult parsed, TrainingSettings settings) => settings with
    {
        Epochs = parsed.GetValue(epochs) ?? settings.Epochs,
        Rate = parsed.GetValue(rate) ?? settings.Rate,
        WeightDecay = parsed.GetValue(weightDecay) ?? settings.WeightDecay,
        Dropout = parsed.GetValue(dropout) ?? settings.Dropout,
        AudioCon = parsed.GetValue(audioCon) is { } form ? Enum.Parse<AudioConForm>(form, ignoreCase: true) : settings.AudioCon,
        Accumulate = parsed.GetValue(accumulate) ?? settings.Accumulate,
        ClipNorm = parsed.GetValue(clipNorm) ?? settings.ClipNorm,
        TrainVggish = parsed.GetValue(trainVggish) || settings.TrainVggish,
        Seed = parsed.GetValue(seed) ?? settings.Seed,
        ImageSize = parsed.GetValue(imageSize) ?? settings.ImageSize,
    };

    private static void Require(bool condition, string otherwise)
    {
        if (!condition) throw new UsageException(otherwise);
    }
}
