namespace AuralSam2.Data;

/// <summary>
/// The clips of one split of a dataset, read in place from the folder layout of its owners. Opening lists files and reads the table;
/// pictures and sounds are read by <see cref="ClipLoader"/>.
/// </summary>
public sealed class ClipDataset
{
    private ClipDataset(DatasetKind kind, Split split, IReadOnlyList<ClipEntry> clips)
    {
        Kind = kind;
        Split = split;
        Clips = clips;
    }

    /// <summary>The dataset.</summary>
    public DatasetKind Kind { get; }

    /// <summary>The part of it.</summary>
    public Split Split { get; }

    /// <summary>In the order of the table.</summary>
    public IReadOnlyList<ClipEntry> Clips { get; }

    /// <summary>Opens a dataset.</summary>
    /// <param name="root">The folder that holds <c>AVSBench</c> or <c>REFAVS</c>.</param>
    /// <param name="kind">Dataset; <see cref="DatasetKind.V2"/> merges the clips of v1s, v1m and v2.</param>
    /// <param name="split">Part of it.</param>
    /// <exception cref="DatasetException">The table is missing or has bad rows, the split has no clips, or files of its clips are
    /// missing.</exception>
    public static ClipDataset Open(string root, DatasetKind kind, Split split)
    {
        var (table, splits) = (DatasetLayout.TablePath(root, kind), DatasetNames.SplitsOf(kind));
        if (!splits.Contains(split.Name()))
            throw new DatasetException($"{table}: {kind.Name()} has no split {split.Name()}; one of {string.Join(", ", splits)}");
        var problems = new List<DatasetProblem>();
        var places = DatasetLayout.Read(root, kind, problems);
        var clips = places.Where(p => p.Split == split).Select((place, i) => ClipFiles.Find(place, i, problems)).ToArray();
        if (problems.Count > 0) throw new DatasetException(Describe(problems));
        if (clips.Length > 0) return new ClipDataset(kind, split, clips);
        var others = string.Join(", ", places.GroupBy(p => p.Split).Select(g => $"{g.Key.Name()} ({g.Count()})"));
        throw new DatasetException($"{table}: lists no {split.Name()} clips of {kind.Name()}{(others.Length > 0 ? $", only {others}" : "")}");
    }

    /// <summary>What one epoch of training reads: every clip once, order and augmentations drawn from the seed and the epoch.</summary>
    /// <param name="seed">Of the run.</param>
    /// <param name="epoch">From 0.</param>
    /// <returns>The same for the same arguments: a run that resumes within an epoch skips what it has done.</returns>
    public IReadOnlyList<ClipRequest> Epoch(ulong seed, int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        var order = Enumerable.Range(0, Clips.Count).ToArray();
        var random = new CounterRandom(CounterRandom.Order, seed, (ulong)epoch);
        for (var last = order.Length - 1; last > 0; last--) // Fisher and Yates
        {
            var other = random.Below(last + 1);
            (order[last], order[other]) = (order[other], order[last]);
        }

        return [.. order.Select(i => new ClipRequest(Clips[i], ClipAugmentation.Draw(seed, epoch, Clips[i].Index)))];
    }

    /// <summary>Every clip once, as it is, in the order of the table.</summary>
    public IReadOnlyList<ClipRequest> InOrder() => [.. Clips.Select(clip => new ClipRequest(clip, ClipAugmentation.None))];

    private static string Describe(List<DatasetProblem> problems) => problems.Count == 1
        ? $"{problems[0]}; repair the dataset"
        : $"{problems[0]}; repair the dataset (it has {problems.Count - 1} more such problems, a check of it lists them all)";
}

/// <summary>A clip to be read.</summary>
/// <param name="Clip">Which.</param>
/// <param name="Augmentation">How it is changed.</param>
public sealed record ClipRequest(ClipEntry Clip, ClipAugmentation Augmentation);
