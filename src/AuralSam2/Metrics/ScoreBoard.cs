namespace AuralSam2.Metrics;

/// <summary>Scores of one clip taken alone.</summary>
/// <param name="Uid">The clip.</param>
/// <param name="Jaccard">J, 0 .. 1; NaN for null clips.</param>
/// <param name="FMeasure">F, 0 .. 1; NaN for null clips.</param>
/// <param name="NullShare">S, share of pixels that should be empty and are not; NaN for clips that are not null.</param>
public sealed record ClipScore(string Uid, double Jaccard, double FMeasure, double NullShare)
{
    /// <summary>Mean of J and F.</summary>
    public double JaccardAndF => (Jaccard + FMeasure) / 2;
}

/// <summary>Scores of a dataset, 0 .. 1; NaN where there were no clips for one.</summary>
/// <param name="Jaccard">M_J: higher is better.</param>
/// <param name="FMeasure">M_F: higher is better.</param>
/// <param name="NullShare">S without the square root, as the released code computes it: lower is better.</param>
/// <param name="NullRoot">S with the square root, as the benchmark defines it: the mean of the roots, not the root of the mean.</param>
/// <param name="Clips">Clips that J and F are means over.</param>
/// <param name="NullClips">Clips that S is a mean over.</param>
public sealed record Scores(double Jaccard, double FMeasure, double NullShare, double NullRoot, int Clips, int NullClips)
{
    /// <summary>Mean of J and F.</summary>
    public double JaccardAndF => (Jaccard + FMeasure) / 2;
}

/// <summary>
/// Collects the scores of clips (SPEC 12). J and F are averaged over the frames of a batch, then over batches; in a batch F is the best of
/// the 255 means over its frames with something to find, and 0 when it has none. Null clips form batches of their own and count for S only.
/// </summary>
/// <param name="protocol">How many clips make a batch.</param>
/// <remarks>Not thread-safe.</remarks>
public sealed class ScoreBoard(ScoreProtocol protocol)
{
    private readonly List<ClipScore> clips = [];
    private readonly Batch batch = new();
    private readonly Batch nullBatch = new();
    private readonly List<(double Jaccard, double F)> scores = [];
    private readonly List<double> nullShares = [];
    private int nullClips;

    /// <summary>How the scores are taken.</summary>
    public ScoreProtocol Protocol => protocol;

    /// <summary>Clips so far, in the order in which they were added.</summary>
    public IReadOnlyList<ClipScore> Clips => clips;

    /// <summary>Adds a clip.</summary>
    /// <param name="uid">Its name.</param>
    /// <param name="isNull">Whether no pixel is the right answer.</param>
    /// <param name="frames">Its supervised frames, at least one.</param>
    /// <returns>The scores of this clip alone.</returns>
    /// <exception cref="ArgumentException">No frames, or a null clip with ground truth.</exception>
    public ClipScore Add(string uid, bool isNull, IReadOnlyList<FrameCounts> frames)
    {
        if (frames.Count == 0) throw new ArgumentException($"{uid}: no frames to score", nameof(frames));
        if (isNull && frames.Any(f => !f.IsEmpty)) throw new ArgumentException($"{uid}: a null clip with ground truth", nameof(frames));
        var alone = new Batch();
        alone.Add(frames);
        var score = isNull
            ? new ClipScore(uid, double.NaN, double.NaN, alone.Share)
            : new ClipScore(uid, alone.Jaccard, alone.FMeasure, double.NaN);
        clips.Add(score);
        if (isNull) nullClips++;
        var into = isNull ? nullBatch : batch;
        into.Add(frames);
        if (into.Clips < protocol.ClipsPerBatch) return score;
        if (isNull) nullShares.Add(into.Share);
        else scores.Add((into.Jaccard, into.FMeasure));
        into.Clear();
        return score;
    }

    /// <summary>The scores of all clips so far; a batch that is not full counts as it is.</summary>
    public Scores Result()
    {
        var all = batch.Clips > 0 ? scores.Append((batch.Jaccard, batch.FMeasure)).ToArray() : [.. scores];
        var shares = nullBatch.Clips > 0 ? nullShares.Append(nullBatch.Share).ToArray() : [.. nullShares];
        return new Scores(
            Mean(all.Select(s => s.Item1)), Mean(all.Select(s => s.Item2)),
            Mean(shares), Mean(shares.Select(Math.Sqrt)), clips.Count - nullClips, nullClips);
    }

    private static double Mean(IEnumerable<double> values) => values.DefaultIfEmpty(double.NaN).Average();

    /// <summary>Frames that are averaged together.</summary>
    private sealed class Batch
    {
        private readonly double[] fMeasures = new double[LogitBins.Thresholds];
        private double jaccards;
        private int frames;
        private int framesWithObject;
        private long predicted;
        private long pixels;

        public int Clips { get; private set; }

        public double Jaccard => jaccards / frames;

        public double FMeasure => framesWithObject == 0 ? 0 : fMeasures.Max() / framesWithObject;

        public double Share => (double)predicted / pixels;

        public void Add(IReadOnlyList<FrameCounts> clip)
        {
            foreach (var frame in clip)
            {
                jaccards += frame.Jaccard;
                predicted += frame.Predicted;
                pixels += frame.Pixels;
                if (frame.IsEmpty) continue;
                framesWithObject++;
                frame.AddFMeasures(fMeasures);
            }

            frames += clip.Count;
            Clips++;
        }

        public void Clear()
        {
            Array.Clear(fMeasures);
            (jaccards, frames, framesWithObject, predicted, pixels, Clips) = (0, 0, 0, 0, 0, 0);
        }
    }
}
