namespace AuralSam2.Training;

/// <summary>A permutation of 0 .. count - 1: where training's choices come from.</summary>
internal delegate int[] Permutation(int count);

/// <summary>Permutations that depend on seed, step and their place in the step alone.</summary>
internal sealed class StepPermutations(ulong seed, ulong step)
{
    private ulong drawn;

    /// <summary>The step's next permutation (Fisher and Yates).</summary>
    public int[] Next(int count)
    {
        var key = Mix(Mix(seed) ^ step) ^ ++drawn;
        var order = new int[count];
        for (var i = 0; i < count; i++) order[i] = i;
        for (var i = count - 1; i > 0; i--)
        {
            // 64 x 32 bits: the bias is below 2^-32.
            var chosen = (int)Math.BigMul(Mix(key + ((ulong)i * 0x9E3779B97F4A7C15)), (ulong)i + 1, out _);
            (order[i], order[chosen]) = (order[chosen], order[i]);
        }

        return order;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>A sampled cell.</summary>
/// <param name="Cell">Its number in the frame's grid, row by row.</param>
/// <param name="Label">The label that the loss is told.</param>
internal readonly record struct CellSample(int Cell, int Label);

/// <summary>Which cells of a frame AudioCon contrasts (SPEC 11).</summary>
internal static class AudioConSampling
{
    /// <summary>Samples the cells of one frame at one level.</summary>
    /// <param name="labels">Of every cell: 0 beside the object.</param>
    /// <param name="predictions">Of every cell: logits, which the published code compares with labels.</param>
    /// <param name="limit">Cells per class of either kind, before one makes up for the other.</param>
    /// <param name="permutation">Makes the choices: for every class first among the hard cells, then among the easy ones.</param>
    /// <param name="publishedLabels">
    /// Whether a sample's label is looked up as the published code does: the number within the list of hard (or easy) cells is used as a number
    /// of the whole grid. Many labels then are another cell's.
    /// </param>
    public static List<CellSample> Sample(
        ReadOnlySpan<int> labels, ReadOnlySpan<float> predictions, int limit, Permutation permutation, bool publishedLabels)
    {
        var samples = new List<CellSample>();
        foreach (var label in labels.ToArray().Distinct().Order())
        {
            List<int> hard = [], easy = [];
            for (var cell = 0; cell < labels.Length; cell++)
                if (labels[cell] == label) (predictions[cell] == label ? easy : hard).Add(cell);
            var (takeHard, takeEasy) = (Math.Min(limit, hard.Count), Math.Min(limit, easy.Count));
            if (takeHard + takeEasy < 2 * limit)
            {
                // The larger number grows by what the other lacks of twice the limit, not of the limit.
                if (takeHard > takeEasy) takeHard += (2 * limit) - takeEasy;
                else takeEasy += (2 * limit) - takeHard;
            }

            Take(labels, hard, takeHard, permutation, publishedLabels, samples);
            Take(labels, easy, takeEasy, permutation, publishedLabels, samples);
        }

        return samples;
    }

    /// <summary>A mask at the cells of a grid: the pixel at the start of each cell (nearest).</summary>
    /// <param name="mask"><c>[size, size]</c>: above 0 on the object.</param>
    /// <param name="size">Edge of the mask.</param>
    /// <param name="grid">Edge of the grid.</param>
    public static int[] Labels(ReadOnlySpan<float> mask, int size, int grid)
    {
        var labels = new int[grid * grid];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = mask[(i / grid * size / grid * size) + (i % grid * size / grid)] > 0 ? 1 : 0;
        return labels;
    }

    /// <summary>A map of logits at the cells of a grid: bilinear between pixel centres.</summary>
    /// <param name="logits"><c>[size, size]</c>.</param>
    /// <param name="size">Edge of the map.</param>
    /// <param name="grid">Edge of the grid.</param>
    public static float[] Predictions(ReadOnlySpan<float> logits, int size, int grid)
    {
        var predictions = new float[grid * grid];
        var scale = (float)size / grid;
        for (var i = 0; i < predictions.Length; i++)
        {
            var (y, x) = (Math.Max(0, ((i / grid) + 0.5f) * scale - 0.5f), Math.Max(0, ((i % grid) + 0.5f) * scale - 0.5f));
            var (top, left) = (Math.Min((int)y, size - 1), Math.Min((int)x, size - 1));
            var (bottom, right) = (Math.Min(top + 1, size - 1), Math.Min(left + 1, size - 1));
            var (down, across) = (y - top, x - left);
            var upper = (logits[(top * size) + left] * (1 - across)) + (logits[(top * size) + right] * across);
            var lower = (logits[(bottom * size) + left] * (1 - across)) + (logits[(bottom * size) + right] * across);
            predictions[i] = (upper * (1 - down)) + (lower * down);
        }

        return predictions;
    }

    private static void Take(
        ReadOnlySpan<int> labels, List<int> cells, int count, Permutation permutation, bool publishedLabels, List<CellSample> samples)
    {
        foreach (var chosen in permutation(cells.Count).Take(count))
            samples.Add(new CellSample(cells[chosen], labels[publishedLabels ? chosen : cells[chosen]]));
    }
}
