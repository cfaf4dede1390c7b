using System.Globalization;

namespace AuralSam2.Training;

/// <summary>Everything that decides what a run learns. A run goes on with the settings that it began with.</summary>
public sealed record TrainingSettings
{
    /// <summary>Size of SAM2: t, s, b+, l or mini.</summary>
    public required string Model { get; init; }

    /// <summary>v1s, v1m, v2, refavs or scenes.</summary>
    public required string Dataset { get; init; }

    /// <summary>Times that every training clip is seen.</summary>
    public required int Epochs { get; init; }

    /// <summary>Learning rate at the start; see <see cref="PolySchedule"/>.</summary>
    public double Rate { get; init; } = 1e-4;

    /// <summary>Weight decay; see <see cref="ParameterGroups"/>.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Share of values that dropout drops within AuralFuser.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Form of the contrastive loss.</summary>
    public AudioConForm AudioCon { get; init; } = AudioConForm.Released;

    /// <summary>Clips whose gradients are averaged in a step; the original has one on each of four GPUs.</summary>
    public int Accumulate { get; init; } = 4;

    /// <summary>Norm that the gradients of a step may have together; null for any, as in the original.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>Whether VGGish learns too.</summary>
    public bool TrainVggish { get; init; }

    /// <summary>Seed of the order of clips, of augmentation, dropout and sampling.</summary>
    public ulong Seed { get; init; } = 666;

    /// <summary>Edge of the model's input in pixels.</summary>
    public int ImageSize { get; init; } = 1024;

    /// <summary>Folder of the dataset; may be another one when a run goes on, since files move.</summary>
    public string Data { get; init; } = "";

    /// <summary>Files of weights that the run began with; may be elsewhere when it goes on.</summary>
    public IReadOnlyList<string> Weights { get; init; } = [];

    /// <summary>Epochs that the original's scripts train for (SPEC 11).</summary>
    /// <param name="dataset">Name of the dataset.</param>
    public static int PublishedEpochs(string dataset) => dataset switch
    {
        "v2" => 90,
        "refavs" => 50,
        _ => 140,
    };

    /// <summary>The learning rate of every step.</summary>
    /// <param name="clips">Clips of an epoch.</param>
    public PolySchedule Schedule(int clips) => new(Rate, (long)Epochs * StepsPerEpoch(clips));

    /// <summary>Steps that an epoch takes; the last may have fewer clips than the others.</summary>
    /// <param name="clips">Clips of an epoch.</param>
    public int StepsPerEpoch(int clips) => (clips + Accumulate - 1) / Accumulate;

    /// <summary>What differs, in the words of the command line: <c>--lr is 0.001, the run has 0.0001</c>.</summary>
    /// <param name="run">Settings that a run began with.</param>
    public IReadOnlyList<string> DifferencesFrom(TrainingSettings run) =>
    [
        .. Options(this).Zip(Options(run))
            .Where(pair => pair.First.Value != pair.Second.Value)
            .Select(pair => $"{pair.First.Option} is {pair.First.Value}, the run has {pair.Second.Value}"),
    ];

    /// <summary>Every setting as an option and its value.</summary>
    private static IEnumerable<(string Option, string Value)> Options(TrainingSettings s) =>
    [
        ("--model", s.Model),
        ("--dataset", s.Dataset),
        ("--epochs", $"{s.Epochs}"),
        ("--lr", Number(s.Rate)),
        ("--weight-decay", Number(s.WeightDecay)),
        ("--dropout", Number(s.Dropout)),
        ("--audiocon", s.AudioCon.ToString().ToLowerInvariant()),
        ("--accumulate", $"{s.Accumulate}"),
        ("--clip-norm", s.ClipNorm is { } norm ? Number(norm) : "none"),
        ("--train-vggish", s.TrainVggish ? "on" : "off"),
        ("--seed", $"{s.Seed}"),
        ("--image-size", $"{s.ImageSize}"),
    ];

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
