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

    private readonly IlgpuDevice device;
    private readonly IlgpuBuffer values;
    private readonly IlgpuBuffer biases;

    /// <summary>A frozen weight, row-major.</summary>
    public GpuPackedMatrix(IlgpuDevice device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias)
        : this(device, outputs, weight.Length / outputs)
    {
        var columns = ColumnQuads * 4;
        var transposed = new float[checked((int)values.Length)];
        for (var k0 = 0; k0 < Inputs; k0 += MaxSlice) // a few lines of the result at a time stay in cache
            for (var o = 0; o < outputs; o++)
                for (var k = k0; k < Math.Min(Inputs, k0 + MaxSlice); k++) transposed[(k * columns) + o] = weight[(o * Inputs) + k];
        var padded = new float[columns];
        bias.CopyTo(padded);
        device.Upload(transposed, values.View(transposed.Length));
        device.Upload(padded, biases.View(columns));
    }

    /// <summary>A trained weight.</summary>
    public GpuPackedMatrix(IlgpuDevice device, Tensor weight, Tensor bias)
        : this(device, weight.Rows, weight.Columns)
    {
        (Weight, Bias) = (weight, bias);
        ClearPadding();
        Repack();
    }

    private GpuPackedMatrix(IlgpuDevice device, int outputs, int inputs)
        : base(outputs, inputs)
    {
        this.device = device;
        ColumnQuads = (outputs + 3) / 4;
        var columns = ColumnQuads * 4;
        values = new IlgpuBuffer(device, checked((long)(inputs + MaxSlice - 1) / MaxSlice * MaxSlice * columns));
        biases = new IlgpuBuffer(device, columns);
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

    /// <summary>What is stored of the weight, <c>[inputs, outputs]</c>, without the padding.</summary>
    private Tensor Stored => new(values, 0, new Shape(Inputs, Outputs), ColumnQuads * 4);

    protected override void Repack()
    {
        TransposeGpu.Run(device, Weight.Reshape(Outputs, Inputs), Stored);
        if (!Bias.IsEmpty) device.CopyCore(Bias.Reshape(1, Outputs), biases.View(1, Outputs));
    }

    protected override PackedMatrix Transpose(PackedMatrix? into)
    {
        if (into is not GpuPackedMatrix transposed)
        {
            transposed = new GpuPackedMatrix(device, Inputs, Outputs);
            transposed.ClearPadding();
        }

        TransposeGpu.Run(device, Stored, transposed.Stored);
        return transposed;
    }

    private void ClearPadding()
    {
        device.FillCore(values.View(checked((int)values.Length)), 0);
        device.FillCore(biases.View(checked((int)biases.Length)), 0);
    }

    protected override void Free()
    {
        values.Dispose();
        biases.Dispose();
    }
}
