namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A weight as panels of up to three vectors of columns, each panel stored k-major: <c>panel[k][column]</c>. The last panel is padded
/// with zeros to whole vectors, the bias likewise.
/// </summary>
internal sealed unsafe class CpuPackedMatrix : PackedMatrix
{
    private readonly CpuDevice device;
    private readonly CpuBuffer values;
    private readonly CpuBuffer biases;

    /// <summary>A frozen weight, row-major.</summary>
    public CpuPackedMatrix(CpuDevice device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias)
        : this(device, outputs, weight.Length / outputs)
    {
        fixed (float* w = weight, b = bias) Pack(w, b, bias.Length);
    }

    /// <summary>A trained weight.</summary>
    public CpuPackedMatrix(CpuDevice device, Tensor weight, Tensor bias)
        : this(device, weight.Rows, weight.Columns)
    {
        (Weight, Bias) = (weight, bias);
        Repack();
    }

    private CpuPackedMatrix(CpuDevice device, int outputs, int inputs)
        : base(outputs, inputs)
    {
        this.device = device;
        Width = device.Isa.Lanes();
        var vectors = (outputs + Width - 1) / Width;
        values = new CpuBuffer(device, (long)vectors * Width * Inputs);
        biases = new CpuBuffer(device, (long)vectors * Width);
        Panels = Split(vectors, Width);
    }

    /// <summary>A run of whole vectors of columns.</summary>
    /// <param name="Column">First column.</param>
    /// <param name="Vectors">Vectors in the panel, 1 to 3.</param>
    public readonly record struct Panel(int Column, int Vectors);

    /// <summary>The matrix as the kernels of a device read it.</summary>
    /// <exception cref="ArgumentException">It was packed for another device or instruction set.</exception>
    public static CpuPackedMatrix For(CpuDevice device, PackedMatrix matrix) =>
        matrix is CpuPackedMatrix packed && packed.Width == device.Isa.Lanes()
            ? packed
            : throw new ArgumentException(
                $"a matrix [{matrix.Outputs}, {matrix.Inputs}] that was packed for another device is used on {device.Name}");

    /// <summary>Floats in a vector of the instruction set that this was packed for.</summary>
    public int Width { get; }

    /// <summary>All panels, left to right.</summary>
    public Panel[] Panels { get; }

    /// <summary>Padded bias.</summary>
    public float* PaddedBias => (float*)biases.HostAddress;

    /// <summary>First element of a panel.</summary>
    public float* Values(Panel panel) => (float*)values.HostAddress + ((nint)panel.Column * Inputs);

    /// <summary>Splits a number of vectors into panels of three; a remainder of four is two and two, never three and one.</summary>
    public static Panel[] Split(int vectors, int width)
    {
        var panels = new List<Panel>();
        for (var at = 0; at < vectors;)
        {
            var take = PanelVectors(vectors - at);
            panels.Add(new Panel(at * width, take));
            at += take;
        }

        return [.. panels];
    }

    /// <summary>Width of the next panel when <paramref name="left"/> vectors are left.</summary>
    public static int PanelVectors(int left) => left == 4 ? 2 : Math.Min(left, 3);

    protected override void Free()
    {
        values.Dispose();
        biases.Dispose();
    }

    protected override void Repack() => Pack(Weight.Pointer, Bias.IsEmpty ? null : Bias.Pointer, Bias.IsEmpty ? 0 : Outputs);

    /// <summary>A row of a panel holds neighbouring outputs of one input: a stretch of a row of the transpose.</summary>
    protected override PackedMatrix Transpose(PackedMatrix? into)
    {
        using var rows = new CpuBuffer(device, (long)Inputs * Outputs);
        var target = (nint)rows.HostAddress;
        device.Pool.For(Panels.Length, (p, _) =>
        {
            var panel = Panels[p];
            var (columns, valid) = (panel.Vectors * Width, Math.Min(panel.Vectors * Width, Outputs - panel.Column));
            for (nint k = 0; k < Inputs; k++)
            {
                var to = new Span<float>((float*)target + (k * Outputs) + panel.Column, valid);
                new ReadOnlySpan<float>(Values(panel) + (k * columns), valid).CopyTo(to);
            }
        });
        var transposed = into as CpuPackedMatrix ?? new CpuPackedMatrix(device, Inputs, Outputs);
        transposed.Pack((float*)target, null, 0);
        return transposed;
    }

    private void Pack(float* weight, float* bias, int biasLength)
    {
        var padded = new Span<float>((float*)biases.HostAddress, checked((int)biases.Length));
        padded.Clear();
        new ReadOnlySpan<float>(bias, biasLength).CopyTo(padded);
        var source = (nint)weight;
        device.Pool.For(Panels.Length, (p, _) => PackPanel(Panels[p], (float*)source));
    }

    private void PackPanel(Panel panel, float* weight)
    {
        var columns = panel.Vectors * Width;
        var valid = Math.Min(columns, Outputs - panel.Column);
        var target = Values(panel);
        const int kBlock = 256; // source rows stay in the first-level cache while their columns are spread
        for (var k0 = 0; k0 < Inputs; k0 += kBlock)
        {
            var k1 = Math.Min(Inputs, k0 + kBlock);
            for (var c = 0; c < columns; c++)
            {
                var d = target + ((nint)k0 * columns) + c;
                if (c < valid)
                {
                    var s = weight + ((nint)(panel.Column + c) * Inputs);
                    for (var k = k0; k < k1; k++, d += columns) *d = s[k];
                }
                else
                {
                    for (var k = k0; k < k1; k++, d += columns) *d = 0;
                }
            }
        }
    }
}
