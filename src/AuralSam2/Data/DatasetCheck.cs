using System.Collections.Concurrent;
using AuralSam2.Media;

namespace AuralSam2.Data;

/// <summary>What a check found about one clip.</summary>
/// <param name="Clip">The clip, with the files that are there.</param>
/// <param name="Problems">Empty where all is well.</param>
public sealed record ClipReport(ClipEntry Clip, IReadOnlyList<DatasetProblem> Problems);

/// <summary>What a check found.</summary>
/// <param name="Kind">The dataset.</param>
/// <param name="TablePath">Its table.</param>
/// <param name="TableProblems">What is wrong with the table; rows that are listed here have no report below.</param>
/// <param name="Clips">All clips of all splits, in the order of the table.</param>
public sealed record DatasetReport(
    DatasetKind Kind, string TablePath, IReadOnlyList<DatasetProblem> TableProblems, IReadOnlyList<ClipReport> Clips)
{
    /// <summary>Everything that is wrong: first the table, then clip by clip.</summary>
    public IEnumerable<DatasetProblem> Problems => TableProblems.Concat(Clips.SelectMany(c => c.Problems));

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsSound => !Problems.Any();
}

/// <summary>Says clip by clip what of a dataset is missing or broken.</summary>
public static class DatasetCheck
{
    /// <summary>What VGGish hears of every frame (SPEC 8).</summary>
    private const double ExampleSeconds = 0.96;

    /// <summary>Checks all splits of a dataset.</summary>
    /// <param name="root">The folder that holds <c>AVSBench</c> or <c>REFAVS</c>.</param>
    /// <param name="kind">Dataset.</param>
    /// <param name="decode">
    /// Whether pictures are decoded. Otherwise they are only looked at for a size and an end: several times as fast, finds files that
    /// are missing, empty or cut off, but not all that are damaged.
    /// </param>
    /// <param name="progress">Told the share of clips that are done, 0 .. 1.</param>
    /// <param name="cancellation">Looked at between files.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static DatasetReport Run(
        string root, DatasetKind kind, bool decode = true, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        var table = DatasetLayout.TablePath(root, kind);
        var problems = new List<DatasetProblem>();
        IReadOnlyList<ClipPlace> places;
        try
        {
            places = DatasetLayout.Read(root, kind, problems);
        }
        catch (DatasetException e)
        {
            var what = File.Exists(table) ? DatasetProblemKind.BadRow : DatasetProblemKind.Missing;
            var message = e.Message.StartsWith($"{table}: ", StringComparison.Ordinal) ? e.Message[(table.Length + 2)..] : e.Message;
            return new DatasetReport(kind, table, [new DatasetProblem(what, "", table, message)], []);
        }

        // Clips of Ref-AVS share pictures and sounds between sentences: each is looked at once.
        var files = new FileChecks(decode);
        var reports = new ClipReport[places.Count];
        var done = 0;
        Parallel.For(0, reports.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            reports[i] = Check(places[i], i, files, cancellation);
            progress?.Report((double)Interlocked.Increment(ref done) / reports.Length);
        });
        return new DatasetReport(kind, table, problems, reports);
    }

    private static ClipReport Check(ClipPlace place, int index, FileChecks files, CancellationToken cancellation)
    {
        var problems = new List<DatasetProblem>();
        var clip = ClipFiles.Find(place, index, problems);
        if (ExpectedFrames(clip.Kind) is { } expected && clip.Frames.Count > 0 && clip.Frames.Count != expected)
        {
            var message = $"{clip.Frames.Count} frames, clips of {clip.Kind.Name()} have {expected}";
            Report(DatasetProblemKind.CountMismatch, place.FramesFolder, message);
        }

        (int Width, int Height)? first = null;
        foreach (var path in clip.Frames.Select(f => f.ImagePath).Concat(clip.Frames.Select(f => f.LabelPath).OfType<string>()))
        {
            cancellation.ThrowIfCancellationRequested();
            var (size, error) = files.Picture(path);
            if (error is not null)
            {
                Report(DatasetProblemKind.Unreadable, path, error);
                continue;
            }

            var (width, height) = first ??= size;
            if (size != first)
                Report(DatasetProblemKind.SizeMismatch, path, $"{size.Width} x {size.Height} pixels, the first frame has {width} x {height}");
        }

        if (!File.Exists(clip.AudioPath)) return new ClipReport(clip, problems);
        var (seconds, complaint) = files.Sound(clip.AudioPath);
        if (complaint is not null)
            Report(DatasetProblemKind.Unreadable, clip.AudioPath, complaint);
        else if (seconds < clip.Frames.Count * ExampleSeconds)
            Report(DatasetProblemKind.SoundTooShort, clip.AudioPath, $"{seconds:0.00} s of sound for {clip.Frames.Count} frames");
        return new ClipReport(clip, problems);

        void Report(DatasetProblemKind kind, string path, string message) => problems.Add(new DatasetProblem(kind, place.Uid, path, message));
    }

    private static int? ExpectedFrames(DatasetKind kind) => kind switch
    {
        DatasetKind.V1s or DatasetKind.V1m => 5,
        DatasetKind.V2 or DatasetKind.RefAvs => 10,
        _ => null,
    };

    /// <summary>What is known about files that were looked at.</summary>
    private sealed class FileChecks(bool decode)
    {
        private readonly ConcurrentDictionary<string, ((int Width, int Height) Size, string? Error)> pictures = new();
        private readonly ConcurrentDictionary<string, (double Seconds, string? Error)> sounds = new();

        public ((int Width, int Height) Size, string? Error) Picture(string path) => pictures.GetOrAdd(path, Look);

        public (double Seconds, string? Error) Sound(string path) => sounds.GetOrAdd(path, Listen);

        private ((int Width, int Height) Size, string? Error) Look(string path)
        {
            try
            {
                if (!decode) return (ImageReader.ReadSize(path), null);
                var image = ImageReader.Read(path);
                return ((image.Width, image.Height), null);
            }
            catch (MediaException e)
            {
                return (default, ClipFiles.WithoutPath(e, path));
            }
        }

        private static (double Seconds, string? Error) Listen(string path)
        {
            try
            {
                return (SoundReader.Read(path).Seconds, null);
            }
            catch (MediaException e)
            {
                return (0, ClipFiles.WithoutPath(e, path));
            }
        }
    }
}
