using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A weight k-major, <c>[inputs, outputs]</c>: threads that own neighbouring columns read neighbouring floats. Rows are padded with zeros to
/// whole quads, so that each of them starts on 16 bytes; the bias likewise.
/// </summary>
internal sealed class GpuPackedMatrix : PackedMatrix
{
    private readonly IlgpuBuffer values;
    private readonly IlgpuBuffer biases;

    public GpuPackedMatrix(IlgpuDevice device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias)
        : base(outputs, weight.Length / outputs)
    {
        ColumnQuads = (outputs + 3) / 4;
        var columns = ColumnQuads * 4;
        var transposed = new float[checked((Inputs + 15) / 16 * 16 * columns)];
        for (var o = 0; o < outputs; o++)
            for (var k = 0; k < Inputs; k++) transposed[(k * columns) + o] = weight[(o * Inputs) + k];
        var padded = new float[columns];
        bias.CopyTo(padded);

        values = new IlgpuBuffer(device, transposed.Length);
        biases = new IlgpuBuffer(device, columns);
        device.Upload(transposed, values.View(transposed.Length));
        device.Upload(padded, biases.View(columns));
    }

    /// <summary>Quads in a padded row.</summary>
    public int ColumnQuads { get; }

    /// <summary><c>[inputs, column quads]</c>.</summary>
    public ArrayView<Float4> Values => values.Memory.Cast<Float4>();

    /// <summary><c>[outputs]</c>, padded to quads.</summary>
    public ArrayView<float> Bias => biases.Memory;

    protected override void Free()
    {
        values.Dispose();
        biases.Dispose();
    }
}
