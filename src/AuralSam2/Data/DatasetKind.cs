namespace AuralSam2.Data;

/// <summary>A dataset, or, of a clip, the part of a dataset that it comes from.</summary>
public enum DatasetKind
{
    /// <summary>AVSBench, one sounding source: five frames, of which training clips have only the first labelled.</summary>
    V1s,

    /// <summary>AVSBench, several sources: five frames, all labelled.</summary>
    V1m,

    /// <summary>AVSBench-semantic: clips of ten frames, together with those of <see cref="V1s"/> and <see cref="V1m"/>.</summary>
    V2,

    /// <summary>Ref-AVS: ten frames and a sentence that says which sounding object is meant.</summary>
    RefAvs,

    /// <summary>Generated sound scenes, laid out as AVSBench.</summary>
    Scenes,
}

/// <summary>Part of a dataset.</summary>
public enum Split
{
    /// <summary>What is learned from.</summary>
    Train,

    /// <summary>What checkpoints are chosen by.</summary>
    Validation,

    /// <summary>What scores are reported on (AVSBench, scenes).</summary>
    Test,

    /// <summary>Ref-AVS: objects that the training clips show too.</summary>
    TestSeen,

    /// <summary>Ref-AVS: objects that they do not show.</summary>
    TestUnseen,

    /// <summary>Ref-AVS: sentences about nothing in the clip; the right answer is no pixel.</summary>
    TestNull,
}

/// <summary>What kinds and splits are called in tables and on command lines.</summary>
public static class DatasetNames
{
    private static readonly (string Name, DatasetKind Kind)[] Kinds =
    [
        ("v1s", DatasetKind.V1s), ("v1m", DatasetKind.V1m), ("v2", DatasetKind.V2),
        ("refavs", DatasetKind.RefAvs), ("scenes", DatasetKind.Scenes),
    ];

    private static readonly (string Name, Split Split)[] AvsSplits =
        [("train", Split.Train), ("val", Split.Validation), ("test", Split.Test)];

    private static readonly (string Name, Split Split)[] RefSplits =
    [
        ("train", Split.Train), ("val", Split.Validation),
        ("test_s", Split.TestSeen), ("test_u", Split.TestUnseen), ("test_n", Split.TestNull),
    ];

    /// <summary>Names of all kinds.</summary>
    public static IReadOnlyList<string> AllKinds { get; } = [.. Kinds.Select(k => k.Name)];

    /// <summary>Names of the splits that a dataset has.</summary>
    public static IReadOnlyList<string> SplitsOf(DatasetKind kind) => [.. Splits(kind).Select(s => s.Name)];

    /// <summary><c>v1s</c>, <c>v1m</c>, <c>v2</c>, <c>refavs</c> or <c>scenes</c>.</summary>
    public static string Name(this DatasetKind kind) => Kinds.Single(k => k.Kind == kind).Name;

    /// <summary><c>train</c>, <c>val</c>, <c>test</c>, <c>test_s</c>, <c>test_u</c> or <c>test_n</c>.</summary>
    public static string Name(this Split split) => AvsSplits.Concat(RefSplits).First(s => s.Split == split).Name;

    /// <summary>The kind of a name, or null.</summary>
    public static DatasetKind? KindOf(string name) => Kinds.Where(k => k.Name == name).Select(k => (DatasetKind?)k.Kind).FirstOrDefault();

    /// <summary>The split of a name within a dataset, or null.</summary>
    public static Split? SplitOf(DatasetKind kind, string name) =>
        Splits(kind).Where(s => s.Name == name).Select(s => (Split?)s.Split).FirstOrDefault();

    private static (string Name, Split Split)[] Splits(DatasetKind kind) => kind == DatasetKind.RefAvs ? RefSplits : AvsSplits;
}
