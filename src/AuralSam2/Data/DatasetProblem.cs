namespace AuralSam2.Data;

/// <summary>What is wrong with a dataset.</summary>
public enum DatasetProblemKind
{
    /// <summary>A row of the table cannot be read, or a name in it is no name of a folder.</summary>
    BadRow,

    /// <summary>The table names a split or a part of the dataset that does not exist.</summary>
    UnknownValue,

    /// <summary>Two rows are about the same clip.</summary>
    DuplicateClip,

    /// <summary>A file or folder is not there, or a folder holds no pictures.</summary>
    Missing,

    /// <summary>A file is damaged, cut off, or something else than its name says.</summary>
    Unreadable,

    /// <summary>Fewer or more frames or labels than there should be.</summary>
    CountMismatch,

    /// <summary>A frame or label differs in size from the first frame of its clip.</summary>
    SizeMismatch,

    /// <summary>The sound ends before the frames do.</summary>
    SoundTooShort,
}

/// <summary>Something that is wrong with a dataset.</summary>
/// <param name="Kind">What.</param>
/// <param name="Uid">The clip; empty where it is about the table.</param>
/// <param name="Path">File or folder.</param>
/// <param name="Message">What was found and what was expected, without the path.</param>
public sealed record DatasetProblem(DatasetProblemKind Kind, string Uid, string Path, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Path}: {Message}";
}
