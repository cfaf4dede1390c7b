using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Training;

/// <summary>How image and sound are contrasted; SPEC 13 tells where paper and released code differ.</summary>
public enum AudioConForm
{
    /// <summary>No contrastive loss.</summary>
    None,

    /// <summary>
    /// As the released code does: anchors are cells; positives, sounds of the same label; negatives, cells and sounds of other labels; sampled
    /// cells carry labels that are looked up in the wrong list.
    /// </summary>
    Released,

    /// <summary>Equation 8 of the paper: anchors are sounds; positives, cells of the same label; negatives, cells of others; labels are right.</summary>
    Paper,

    /// <summary>Khosla et al. 2020, for comparison: every cell and sound is an anchor, everything of its label a positive.</summary>
    SupCon,
}

/// <summary>One level of the fuser, projected.</summary>
/// <param name="Seen"><c>[frames, cells, channels]</c>, cells of a square grid.</param>
/// <param name="Heard"><c>[frames, channels]</c>.</param>
internal readonly record struct AudioConLevel(Tensor Seen, Tensor Heard);

/// <summary>What is to be seen in a frame, and what was predicted.</summary>
/// <param name="Mask"><c>[size, size]</c>: above 0 on the sounding object.</param>
/// <param name="Size">Edge of the mask.</param>
/// <param name="Logits"><c>[logit size, logit size]</c>: the selected mask's.</param>
/// <param name="LogitSize">Edge of the logits.</param>
internal readonly record struct AudioConFrame(float[] Mask, int Size, float[] Logits, int LogitSize);

/// <summary>
/// The contrastive loss between cells and sounds: samples of all frames and levels in one pool, one <see cref="InfoNce"/> over it.
/// </summary>
/// <param name="device">Where it runs.</param>
/// <param name="form">Who is contrasted with whom.</param>
/// <param name="limit">See <see cref="AudioConSampling"/>: 128 for AVS, 64 for Ref.</param>
/// <param name="totalLimit">With more cells than this, the pool keeps its first R, R the element of that number of a permutation.</param>
/// <param name="temperature">Divides the products.</param>
internal sealed class AudioCon(Device device, AudioConForm form, int limit = 128, int totalLimit = 15240, float temperature = 0.1f)
{
    /// <summary>Adds the loss of a clip.</summary>
    /// <param name="levels">Projections, level by level.</param>
    /// <param name="supervised">Which of the projections' frames have a mask, in order.</param>
    /// <param name="frames">Masks and predictions of these frames.</param>
    /// <param name="permutation">Makes the choices: level by level, frame by frame, then for the pool when it is too large.</param>
    /// <param name="loss"><c>[1]</c>: added to.</param>
    public void Forward(
        ReadOnlySpan<AudioConLevel> levels, ReadOnlySpan<int> supervised, ReadOnlySpan<AudioConFrame> frames, Permutation permutation, Tensor loss)
    {
        if (form == AudioConForm.None || levels.Length == 0 || frames.Length == 0) return;
        var cells = new List<(int Level, int Row, int Label)>();
        var sounds = new List<(int Level, int Frame, int Label)>();
        for (var level = 0; level < levels.Length; level++)
        {
            var grid = (int)Math.Sqrt(levels[level].Seen.Shape[1]);
            for (var t = 0; t < frames.Length; t++)
            {
                var (labels, predictions) = (
                    AudioConSampling.Labels(frames[t].Mask, frames[t].Size, grid),
                    AudioConSampling.Predictions(frames[t].Logits, frames[t].LogitSize, grid));
                foreach (var sample in AudioConSampling.Sample(labels, predictions, limit, permutation, form == AudioConForm.Released))
                    cells.Add((level, (supervised[t] * grid * grid) + sample.Cell, sample.Label));
                var sounding = labels.Where(l => l > 0).Distinct().Order().ToArray();
                foreach (var label in sounding.Length == 0 ? [0] : sounding) sounds.Add((level, supervised[t], label));
            }
        }

        if (cells.Count > totalLimit)
        {
            var kept = permutation(cells.Count)[totalLimit];
            cells.RemoveRange(kept, cells.Count - kept);
            if (kept == 0) return;
        }

        using var scope = device.Scope();
        var (n, m, channels) = (cells.Count, sounds.Count, levels[0].Seen.Columns);
        var pool = device.Rent(n + m, channels);
        for (int level = 0, from = 0; level < levels.Length; level++)
        {
            var rows = cells.Where(c => c.Level == level).Select(c => (float)c.Row).ToArray();
            if (rows.Length == 0) continue;
            var index = device.Rent(rows.Length);
            device.Upload(rows, index);
            var seen = levels[level].Seen;
            Gather.Forward(device, seen.Reshape(seen.Rows, channels), index, pool.Slice(from, rows.Length));
            from += rows.Length;
        }

        for (var i = 0; i < m; i++) device.Copy(levels[sounds[i].Level].Heard.Slice(sounds[i].Frame, 1), pool.Slice(n + i, 1));
        float[] labelled = [.. cells.Select(c => (float)c.Label), .. sounds.Select(s => (float)s.Label)];
        var (seenRows, heardRows) = (new Range(0, n), new Range(n, n + m));
        var (anchors, contrasts, positives) = form switch
        {
            AudioConForm.Released => (seenRows, new Range(0, n + m), heardRows),
            AudioConForm.Paper => (heardRows, seenRows, seenRows),
            _ => (new Range(0, n + m), new Range(0, n + m), new Range(0, n + m)),
        };
        var marks = Marks(labelled, anchors, contrasts, positives);
        InfoNce.Forward(device, Rows(anchors), Rows(contrasts), marks, temperature, loss, form == AudioConForm.SupCon);

        Tensor Rows(Range range) => pool.Slice(range.Start.Value, range.End.Value - range.Start.Value);
    }

    /// <summary>Labels and identities: a row of the pool is itself alone.</summary>
    private ContrastMarks Marks(float[] labels, Range anchors, Range contrasts, Range positives)
    {
        float[] identities = [.. Enumerable.Range(0, labels.Length).Select(i => (float)i)];
        float[] positive = new float[labels.Length], negative = new float[labels.Length];
        positive.AsSpan(positives).Fill(1);
        negative.AsSpan(contrasts).Fill(1);
        float[] ofAnchors = [.. labels[anchors], .. identities[anchors]];
        float[] ofContrasts = [.. labels[contrasts], .. identities[contrasts], .. positive[contrasts], .. negative[contrasts]];
        var marks = new ContrastMarks(device.Rent(2, ofAnchors.Length / 2), device.Rent(4, ofContrasts.Length / 4));
        device.Upload(ofAnchors, marks.Anchors);
        device.Upload(ofContrasts, marks.Contrasts);
        return marks;
    }
}
