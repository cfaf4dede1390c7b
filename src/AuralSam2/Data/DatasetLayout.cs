namespace AuralSam2.Data;

/// <summary>A clip that a table lists, and where its files should be.</summary>
internal sealed record ClipPlace(
    string Uid, DatasetKind Kind, Split Split, string FramesFolder, string? LabelsFolder, string AudioPath, string? Sentence, bool IsNull);

/// <summary>
/// Datasets as their owners lay them out (SPEC 12), below one folder:
/// <code>
/// AVSBench/avss_index/metadata.csv                    uid, split, label (v1s, v1m, v2; scenes for generated ones)
/// AVSBench/LABEL/UID/frames/, labels_rgb/, audio.wav
/// REFAVS/metadata.csv                                 uid, vid, fid, exp, split
/// REFAVS/media/VID/frames/, audio.wav
/// REFAVS/gt_mask/VID/fid_FID/
/// </code>
/// </summary>
internal static class DatasetLayout
{
    private const string NullMark = "null_";

    private static readonly DatasetKind[] AvsParts = [DatasetKind.V1s, DatasetKind.V1m, DatasetKind.V2, DatasetKind.Scenes];

    /// <summary>The table that lists the clips of a dataset.</summary>
    public static string TablePath(string root, DatasetKind kind) => kind == DatasetKind.RefAvs
        ? Path.Combine(root, "REFAVS", "metadata.csv")
        : Path.Combine(root, "AVSBench", "avss_index", "metadata.csv");

    /// <summary>Reads the table; clips of other parts of AVSBench are left aside.</summary>
    /// <exception cref="DatasetException">There is no table, or it has not the columns it should have.</exception>
    public static IReadOnlyList<ClipPlace> Read(string root, DatasetKind kind, ICollection<DatasetProblem> problems)
    {
        var path = TablePath(root, kind);
        var (folder, columns) = kind == DatasetKind.RefAvs
            ? ("REFAVS", (string[])["uid", "vid", "fid", "exp", "split"])
            : ("AVSBench", ["uid", "split", "label"]);
        if (!File.Exists(path)) throw new DatasetException($"{path}: no such file; pass the folder that holds {folder}");
        var table = MetadataTable.Read(path, columns);
        foreach (var (line, problem) in table.BadRows)
            problems.Add(new DatasetProblem(DatasetProblemKind.BadRow, "", path, $"line {line}: {problem}"));
        var places = new List<ClipPlace>();
        var seen = new HashSet<(DatasetKind, string)>();
        foreach (var row in table.Rows)
        {
            void Report(DatasetProblemKind what, string message) =>
                problems.Add(new DatasetProblem(what, row["uid"], path, $"line {row.Line}: {message}"));

            if (PartOf(row, kind) is not { } part)
                Report(DatasetProblemKind.UnknownValue, $"label '{row["label"]}' ({OneOf(AvsParts.Select(p => p.Name()))})");
            else if (!Includes(kind, part))
                continue;
            else if (DatasetNames.SplitOf(kind, row["split"]) is not { } split)
                Report(DatasetProblemKind.UnknownValue, $"split '{row["split"]}' ({OneOf(DatasetNames.SplitsOf(kind))})");
            else if (FolderColumns(row, part, split).FirstOrDefault(c => !IsFolderName(row[c])) is { } column)
                Report(DatasetProblemKind.BadRow, $"{column} '{row[column]}' is no name of a folder");
            else if (!seen.Add((part, row["uid"])))
                Report(DatasetProblemKind.DuplicateClip, "the clip is listed a second time");
            else if (Place(root, row, part, split) is { } place)
                places.Add(place);
            else
                Report(DatasetProblemKind.BadRow, $"uid '{row["uid"]}' of split {split.Name()} is no vid followed by two fields");
        }

        return places;
    }

    private static DatasetKind? PartOf(MetadataRow row, DatasetKind kind)
    {
        if (kind == DatasetKind.RefAvs) return kind;
        return DatasetNames.KindOf(row["label"]) is { } part && AvsParts.Contains(part) ? part : null;
    }

    /// <summary>v2 merges v1s, v1m and v2.</summary>
    private static bool Includes(DatasetKind kind, DatasetKind part) =>
        kind == part || (kind == DatasetKind.V2 && part is DatasetKind.V1s or DatasetKind.V1m);

    private static ClipPlace? Place(string root, MetadataRow row, DatasetKind part, Split split)
    {
        var uid = row["uid"];
        var isNull = IsNull(uid, part, split);
        if (part != DatasetKind.RefAvs)
        {
            var clip = Path.Combine(root, "AVSBench", part.Name(), uid);
            var (frames, labels) = (Path.Combine(clip, "frames"), Path.Combine(clip, "labels_rgb"));
            return new ClipPlace(uid, part, split, frames, labels, Path.Combine(clip, "audio.wav"), null, isNull);
        }

        if ((split == Split.TestNull ? WithoutLastTwoFields(uid) : row["vid"]) is not { } vid) return null;
        var media = Path.Combine(root, "REFAVS", "media", vid);
        var masks = isNull ? null : Path.Combine(root, "REFAVS", "gt_mask", vid, $"fid_{row["fid"]}");
        return new ClipPlace(uid, part, split, Path.Combine(media, "frames"), masks, Path.Combine(media, "audio.wav"), row["exp"], isNull);
    }

    private static bool IsNull(string uid, DatasetKind part, Split split) =>
        split == Split.TestNull || (part is DatasetKind.RefAvs or DatasetKind.Scenes && uid.Contains(NullMark, StringComparison.Ordinal));

    /// <summary>Columns of a row that become names of folders; null clips of Ref-AVS leave some of theirs empty.</summary>
    private static string[] FolderColumns(MetadataRow row, DatasetKind part, Split split)
    {
        if (part != DatasetKind.RefAvs || split == Split.TestNull) return ["uid"];
        return IsNull(row["uid"], part, split) ? ["uid", "vid"] : ["uid", "vid", "fid"];
    }

    /// <summary>The clip of a null sentence: <c>VID_A_B</c> is about VID, whatever its other columns say (SPEC 12).</summary>
    private static string? WithoutLastTwoFields(string uid)
    {
        var fields = uid.Split('_');
        return fields.Length > 2 && string.Join('_', fields[..^2]) is var vid && IsFolderName(vid) ? vid : null;
    }

    private static string OneOf(IEnumerable<string> names) => $"one of {string.Join(", ", names)}";

    /// <summary>Names come from a file that somebody else wrote: none may lead out of the dataset's folder.</summary>
    private static bool IsFolderName(string name) =>
        name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny('/', '\\', '\0') < 0;
}
