using AuralSam2.Media;

namespace AuralSam2.Data;

/// <summary>Finds the files of a clip and matches labels to frames, without opening any.</summary>
internal static class ClipFiles
{
    /// <summary>Lists the files of a clip; what is missing is reported, and the entry holds what is there.</summary>
    public static ClipEntry Find(ClipPlace place, int index, ICollection<DatasetProblem> problems)
    {
        var images = Pictures(place, place.FramesFolder, problems);
        var labels = place.LabelsFolder is { } folder ? Pictures(place, folder, problems) : [];
        if (images.Length > 0 && labels.Length > 0 && !CountsAgree(place.Kind, images.Length, labels.Length))
            problems.Add(new DatasetProblem(
                DatasetProblemKind.CountMismatch, place.Uid, place.LabelsFolder!, $"{labels.Length} labels for {images.Length} frames"));
        if (!File.Exists(place.AudioPath))
            problems.Add(new DatasetProblem(DatasetProblemKind.Missing, place.Uid, place.AudioPath, "no such file"));
        var frames = images
            .Select((image, i) => new ClipFrame(image, i < labels.Length ? labels[i] : null, IsSupervised(place, i, labels.Length)))
            .ToArray();
        return new ClipEntry(index, place.Uid, place.Kind, place.Split, frames, place.AudioPath, place.Sentence, place.IsNull);
    }

    /// <summary>Clips of v1s may have labels for their first frames only.</summary>
    private static bool CountsAgree(DatasetKind kind, int images, int labels) =>
        labels == images || (kind == DatasetKind.V1s && labels < images);

    private static bool IsSupervised(ClipPlace place, int frame, int labels)
    {
        if (place.Kind == DatasetKind.V1s && place.Split == Split.Train) return frame == 0 && labels > 0;
        return place.IsNull || frame < labels;
    }

    private static string[] Pictures(ClipPlace place, string folder, ICollection<DatasetProblem> problems)
    {
        try
        {
            if (!Directory.Exists(folder)) Report("no such folder");
            else if (FrameFolder.List(folder) is { Length: > 0 } files) return files;
            else Report("holds no pictures");
        }
        catch (MediaException e)
        {
            problems.Add(new DatasetProblem(DatasetProblemKind.Unreadable, place.Uid, folder, WithoutPath(e, folder)));
        }

        return [];

        void Report(string message) => problems.Add(new DatasetProblem(DatasetProblemKind.Missing, place.Uid, folder, message));
    }

    /// <summary>Errors of Media begin with the path, which a problem has already.</summary>
    public static string WithoutPath(MediaException e, string path) =>
        e.Message.StartsWith($"{path}: ", StringComparison.Ordinal) ? e.Message[(path.Length + 2)..] : e.Message;
}
