using AuralSam2.Predictors;

namespace AuralSam2.Metrics;

/// <summary>Which of the decoder's three masks is scored (SPEC 12).</summary>
/// <param name="Index">0, 1 or 2.</param>
/// <param name="IsSilenced">All logits count as 0: the decoder says that no object is there.</param>
public readonly record struct MaskChoice(int Index, bool IsSilenced)
{
    private const int Masks = 3;

    /// <summary>Chooses as the original does in its mode <c>''</c> (first), <c>iou_select</c> or <c>iou_occ_select</c>.</summary>
    /// <param name="mode">Decode mode.</param>
    /// <param name="ious">Predicted IoU of the three masks; of equal ones the first wins.</param>
    /// <param name="objectLogit">Below 0 silences the frame in mode <see cref="DecodeMode.IouObject"/>.</param>
    /// <exception cref="ArgumentException">Not three IoUs.</exception>
    public static MaskChoice Of(DecodeMode mode, ReadOnlySpan<float> ious, float objectLogit)
    {
        if (ious.Length != Masks) throw new ArgumentException($"{ious.Length} predicted IoUs, {Masks} masks", nameof(ious));
        if (mode == DecodeMode.First) return new MaskChoice(0, false);
        var best = 0;
        for (var i = 1; i < Masks; i++)
        {
            if (ious[i] > ious[best]) best = i;
        }

        return new MaskChoice(best, mode == DecodeMode.IouObject && objectLogit < 0);
    }

    /// <summary>The chosen logits. Silenced ones are 0, not minus infinity: they count as sigmoid 1/2 for F, as in the original.</summary>
    /// <param name="masks">Logits, <c>[3, pixels]</c>; those of the chosen mask are overwritten when it is silenced.</param>
    /// <returns><c>[pixels]</c>, a part of <paramref name="masks"/>.</returns>
    public Span<float> Take(Span<float> masks)
    {
        var pixels = masks.Length / Masks;
        if (pixels * Masks != masks.Length)
            throw new ArgumentException($"{masks.Length} logits are not those of {Masks} masks", nameof(masks));
        var logits = masks.Slice(Index * pixels, pixels);
        if (IsSilenced) logits.Clear();
        return logits;
    }
}
