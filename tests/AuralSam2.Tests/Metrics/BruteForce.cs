namespace AuralSam2.Tests.Metrics;

/// <summary>The scores of SPEC 12 word by word in float64: every pixel at every threshold, nothing shared with the engine.</summary>
internal static class BruteForce
{
    public static double Sigmoid(float logit) => 1 / (1 + Math.Exp(-(double)logit));

    public static double Threshold(int k) => k < 254 ? k * ((1 - 1e-10) / 254) : 1 - 1e-10;

    public static double Jaccard(float[] logits, byte[] labels)
    {
        double intersection = 0, union = 0;
        var empty = labels.All(l => l == 0);
        for (var i = 0; i < logits.Length; i++)
        {
            bool predicted = logits[i] > 0, wanted = labels[i] != 0;
            intersection += (empty ? !predicted : predicted && wanted) ? 1 : 0;
            union += empty || predicted || wanted ? 1 : 0;
        }

        return intersection / (union + 1e-7);
    }

    public static double FMeasure(float[] logits, byte[] labels, int k)
    {
        double hits = 0, predicted = 0, wanted = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            var reaches = Sigmoid(logits[i]) >= Threshold(k);
            hits += reaches && labels[i] != 0 ? 1 : 0;
            predicted += reaches ? 1 : 0;
            wanted += labels[i] != 0 ? 1 : 0;
        }

        var (p, r) = (hits / (predicted + 1e-20), hits / (wanted + 1e-20));
        var f = 1.3 * p * r / (0.3 * p + r);
        return double.IsNaN(f) ? 0 : f;
    }

    /// <summary>M_J and M_F of batches of clips of frames.</summary>
    public static (double Jaccard, double F) Scores(IEnumerable<(float[] Logits, byte[] Labels)[][]> batches)
    {
        double jaccard = 0, f = 0;
        var count = 0;
        foreach (var batch in batches)
        {
            var frames = batch.SelectMany(clip => clip).ToArray();
            jaccard += frames.Average(x => Jaccard(x.Logits, x.Labels));
            var found = frames.Where(x => x.Labels.Any(l => l != 0)).ToArray();
            f += found.Length == 0 ? 0 : Enumerable.Range(0, 255).Max(k => found.Average(x => FMeasure(x.Logits, x.Labels, k)));
            count++;
        }

        return (jaccard / count, f / count);
    }

    /// <summary>S of batches of null clips, without and with the square root.</summary>
    public static (double Share, double Root) NullShares(IEnumerable<float[][][]> batches)
    {
        var shares = batches.Select(b => b.SelectMany(clip => clip).SelectMany(x => x).Average(x => Sigmoid(x) > 0.5 ? 1.0 : 0.0)).ToArray();
        return (shares.Average(), shares.Average(Math.Sqrt));
    }

    /// <summary>Logits that know something about the labels, some of them extreme.</summary>
    public static (float[] Logits, byte[] Labels) Frame(int pixels, int seed, double foreground)
    {
        var random = new Random(seed);
        var labels = Enumerable.Range(0, pixels).Select(_ => (byte)(random.NextDouble() < foreground ? 1 : 0)).ToArray();
        return ([.. labels.Select(Logit)], labels);

        float Logit(byte label)
        {
            var noise = (random.NextDouble() + random.NextDouble() - 1) * (random.Next(20) == 0 ? 60 : 6);
            return (float)((label - 0.5) * 3 + noise);
        }
    }
}
