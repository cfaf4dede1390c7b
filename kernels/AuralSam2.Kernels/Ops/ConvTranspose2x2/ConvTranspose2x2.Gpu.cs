using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Two products over all input pixels. Pixels of an input row are neighbours in an output row; after each row the result skips the output
/// row that the other product writes.
/// </summary>
internal static class ConvTranspose2x2Gpu
{
    public static void Run(IlgpuDevice device, Tensor x, ConvTransposeWeights weights, Tensor y, Tensor residual, Activation activation)
    {
        var (width, columns) = (x.Shape[1], 2 * weights.Outputs);
        for (var dy = 0; dy < 2; dy++)
        {
            var weight = GpuPackedMatrix.For(device, dy == 0 ? weights.Upper : weights.Lower);
            var line = dy * width * columns;
            QuadView Lines(Tensor t) =>
                t.IsEmpty ? default : new(new RowView(device.View(t).SubView(line), x.Rows, columns, columns), QuadView.IsWide(t));
            var output = new GemmOutput(Lines(y), Lines(residual), weight.PaddedBias, activation, width, LineGap: width * columns);
            GemmGpu.Multiply(device, x, weight, output);
        }
    }
}
