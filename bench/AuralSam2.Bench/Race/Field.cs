using AuralSam2.Bench.Parts;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Race;

/// <summary>Everything that can be raced.</summary>
/// <param name="device">Where this engine runs.</param>
/// <param name="only">Text that the names of what is raced contain; empty for all.</param>
internal sealed class Field(Device device, string only)
{
    private const string Model = "t";

    private const string ShortClip = $"clip of 2 frames, model {Model}";

    /// <summary>What <see cref="ModelParts"/> cuts from a whole model; encoders need none.</summary>
    private static readonly string[] ModelPartNames =
    [
        "VGGish 5 s", "AuralFuser 5 frames", "mask decoder", "memory attention, 7 memories", "tracked frame, 1 memory", "tracked frame, 7 memories",
        $"clip of 5 frames, model {Model}", ShortClip,
    ];

    /// <summary>Parts that <c>quick</c> races; a trunk stands for its encoder, two frames for a clip.</summary>
    private static readonly string[] QuickParts =
    [
        $"trunk {Model}", "VGGish 5 s", "AuralFuser 5 frames", "mask decoder", "memory attention, 7 memories", "tracked frame, 1 memory", ShortClip,
    ];

    /// <summary>What only learning runs: raced whole, as the training step.</summary>
    private static readonly string[] LearningOps = ["AdamW", "BatchNorm", "Dropout", "Gather", "InfoNce", "MaskLoss", "RowSum", "SquareSum"];

    /// <summary>The parts of the model; each is there until the next is asked for.</summary>
    /// <param name="quick">A selection.</param>
    public IEnumerable<IContestant> Parts(bool quick)
    {
        bool IsWanted(string name) => Matches(name) && (quick ? QuickParts.Contains(name) : name != ShortClip);
        foreach (var model in TrunkShape.Models)
        {
            var (trunk, encoder) = (IsWanted($"trunk {model}"), IsWanted($"image encoder {model}"));
            if (!trunk && !encoder) continue;
            using var parts = new EncoderParts(device, model);
            if (trunk) yield return new PartContestant(device, parts.Trunk);
            if (encoder) yield return new PartContestant(device, parts.Encoder);
        }

        // With both configurations of the peer it takes 30 GB: raced when it is asked for, so that the others are raced everywhere.
        if (only.Length > 0 && IsWanted(TrainingPart.Name))
        {
            using var training = new TrainingPart(device, Model);
            yield return new PartContestant(device, training.Part);
        }

        if (!ModelPartNames.Any(IsWanted)) yield break;
        using var whole = new ModelParts(device, Model);
        foreach (var part in whole.All(name => ModelPartNames.Contains(name) && IsWanted(name))) yield return new PartContestant(device, part);
    }

    /// <summary>The ops at the shapes of the model.</summary>
    /// <param name="quick">Of each op the first and the last shape and that with the most work.</param>
    public IEnumerable<IContestant> Ops(bool quick) =>
        from op in OpRegistry.Cases.Where(c => c.Real && !LearningOps.Contains(c.Op)).GroupBy(c => c.Op)
        from c in quick ? Representative([.. op]) : op
        where Matches($"{c.Op} {c.Label}")
        select new OpContestant(device, c);

    private static IEnumerable<OpCase> Representative(OpCase[] cases) =>
        new[] { cases[0], cases.MaxBy(c => c.Flops + c.Bytes)!, cases[^1] }.Distinct();

    private bool Matches(string name) => name.Contains(only, StringComparison.OrdinalIgnoreCase);
}
