using AuralSam2.Weights;

namespace AuralSam2.Training;

/// <summary>Where a run keeps its files.</summary>
public sealed class TrainingFolder
{
    private TrainingFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The checkpoint that a run goes on from.</summary>
    public string Last => System.IO.Path.Combine(Path, "last.safetensors");

    /// <summary>The checkpoint with the best validation score.</summary>
    public string Best => System.IO.Path.Combine(Path, "best.safetensors");

    /// <summary>See <see cref="TrainingLog"/>.</summary>
    public string Log => System.IO.Path.Combine(Path, "log.jsonl");

    /// <summary>A picture of the losses and scores.</summary>
    public string Curves => System.IO.Path.Combine(Path, "curves.png");

    /// <summary>What takes its name once it is whole.</summary>
    public string CurvesDraft => Curves + ".tmp";

    /// <summary>Opens the folder of a run and removes what a process that was killed has left half written there.</summary>
    /// <param name="path">Folder; made where a new run begins.</param>
    /// <param name="resume">Whether a run goes on there, or a new one begins.</param>
    /// <exception cref="TrainingException">There is no run to go on, or one that would be overwritten.</exception>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    public static TrainingFolder Open(string path, bool resume)
    {
        var folder = new TrainingFolder(path);
        var isRun = File.Exists(folder.Last);
        if (resume && !isRun)
            throw new TrainingException($"{path}: holds no run to resume ({folder.Last} is not there); leave --resume out to begin one");
        if (!resume && isRun)
            throw new TrainingException($"{path}: holds a run already; --resume goes on with it, or name another folder with --out");
        if (File.Exists(path)) throw new TrainingException($"{path}: is a file; name a folder with --out");
        Directory.CreateDirectory(path);
        foreach (var file in (string[])[folder.Last, folder.Best]) SafetensorsWriter.DiscardAbandoned(file);
        File.Delete(folder.CurvesDraft);
        return folder;
    }
}
