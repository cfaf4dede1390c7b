using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A weight k-major, <c>[inputs, outputs]</c>: threads that own neighbouring columns read neighbouring floats. Rows are padded with zeros to
/// whole quads, so that each of them starts on 16 bytes, and the bias likewise; inputs are padded with zeros to whole slices, so that kernels
/// need not ask where k ends.
/// </summary>
internal sealed class GpuPackedMatrix : PackedMatrix
{
    /// <summary>Inputs of the deepest slice that a kernel takes.</summary>
    public const int MaxSlice = 16;

    private readonly IlgpuBuffer values;
    private readonly IlgpuBuffer biases;

    public GpuPackedMatrix(IlgpuDevice device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias)
        : base(outputs, weight.Length / outputs)
    {
        ColumnQuads = (outputs + 3) / 4;
        var columns = ColumnQuads * 4;
        var transposed = new float[checked((Inputs + MaxSlice - 1) / MaxSlice * MaxSlice * columns)];
        for (var k0 = 0; k0 < Inputs; k0 += MaxSlice) // a few lines of the result at a time stay in cache
            for (var o = 0; o < outputs; o++)
                for (var k = k0; k < Math.Min(Inputs, k0 + MaxSlice); k++) transposed[(k * columns) + o] = weight[(o * Inputs) + k];
        var padded = new float[columns];
        bias.CopyTo(padded);

        values = new IlgpuBuffer(device, transposed.Length);
        biases = new IlgpuBuffer(device, columns);
        device.Upload(transposed, values.View(transposed.Length));
        device.Upload(padded, biases.View(columns));
    }

    public GpuPackedMatrix(IlgpuDevice device, Tensor weight, Tensor bias)
        : this(device, device.Download(weight), weight.Rows, bias.IsEmpty ? [] : device.Download(bias))
    {
        (Weight, Bias) = (weight, bias);
    }

    /// <summary>The matrix as the kernels of a device read it.</summary>
    /// <exception cref="ArgumentException">It was packed for another device.</exception>
    public static GpuPackedMatrix For(IlgpuDevice device, PackedMatrix matrix) =>
        matrix is GpuPackedMatrix packed && packed.values.Device == device
            ? packed
            : throw new ArgumentException(
                $"a matrix [{matrix.Outputs}, {matrix.Inputs}] that was packed for another device is used on {device.Name}");

    /// <summary>Quads in a padded row.</summary>
    public int ColumnQuads { get; }

    /// <summary><c>[padded inputs, column quads]</c>.</summary>
    public ArrayView<Float4> Values => values.Memory.Cast<Float4>();

    /// <summary><c>[column quads]</c>.</summary>
    public ArrayView<Float4> PaddedBias => biases.Memory.Cast<Float4>();

    protected override void Repack() => throw new NotSupportedException("PENDING");

    protected override PackedMatrix Transpose(PackedMatrix? into) => throw new NotSupportedException("PENDING");

    protected override void Free()
    {
        values.Dispose();
        biases.Dispose();
    }
}
