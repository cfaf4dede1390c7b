using AuralSam2.Kernels.Ops;

namespace AuralSam2.Ladder;

internal static class LayerNormBands
{
    /// <summary>Floats of a band: 1 MB, which the caches of two cores hold.</summary>
    private const int BandFloats = 1 << 18;

    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "bands",
        "Both ops take a band of rows at a time: the normalised rows are read back from cache, and never from memory.",
        Bind);

    private static Action Bind(LayerNormGemmProblem p)
    {
        var bandRows = Math.Max(1, BandFloats / p.Inputs / GemmCpu.BlockRows) * GemmCpu.BlockRows;
        var band = p.Allocate(bandRows, p.Inputs);
        return () =>
        {
            for (var first = 0; first < p.Rows; first += bandRows)
            {
                var count = Math.Min(bandRows, p.Rows - first);
                var normalised = band.Slice(0, count);
                LayerNorm.Forward(p.Device, p.X.Slice(first, count), p.Norm, normalised);
                p.Product(normalised, p.Y.Slice(first, count));
            }
        };
    }
}
