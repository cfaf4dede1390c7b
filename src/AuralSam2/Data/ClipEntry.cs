namespace AuralSam2.Data;

/// <summary>A labelled clip of a dataset: where its files are. Nothing of it has been read.</summary>
/// <param name="Index">Place within the opened dataset, from 0; what random choices about the clip are drawn by.</param>
/// <param name="Uid">Its name in the owner's table.</param>
/// <param name="Kind">Part of the dataset that the clip comes from: clips of v2 are of v1s, v1m or v2.</param>
/// <param name="Split">Part that it belongs to.</param>
/// <param name="Frames">In order, one a second.</param>
/// <param name="AudioPath">Its sound.</param>
/// <param name="Sentence">Which object is meant, for Ref-AVS; null elsewhere.</param>
/// <param name="IsNull">Nothing in the clip is the right answer: labels are empty.</param>
public sealed record ClipEntry(
    int Index, string Uid, DatasetKind Kind, Split Split, IReadOnlyList<ClipFrame> Frames, string AudioPath, string? Sentence, bool IsNull);

/// <summary>A frame of a clip.</summary>
/// <param name="ImagePath">Picture.</param>
/// <param name="LabelPath">Ground truth, or null: there is none, or the clip is null and it is empty.</param>
/// <param name="IsSupervised">
/// Whether the loss (of a training clip) or the score (of others) looks at this frame. Training clips of v1s: only frame 0, also where more
/// labels exist (SPEC 10, Variants). Elsewhere: all frames with a label, and all of null clips.
/// </param>
public sealed record ClipFrame(string ImagePath, string? LabelPath, bool IsSupervised);
