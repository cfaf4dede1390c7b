namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of a convolution as matrix products over patches, a block of output lines at a time: dW = dy^T patches(x), and dx, the
/// patches dy W added to where they were taken from. The patches of a whole image are never in memory at once.
/// </summary>
internal sealed class Conv2dGradient
{
    /// <summary>Floats of a block of patches on the CPU: they wait in the last-level cache. A GPU wants more work in a launch.</summary>
    private const int CpuBlockFloats = 1 << 21, GpuBlockFloats = 1 << 24;

    private readonly Device device;
    private readonly TapeRecord record;
    private readonly ConvWeights weights;
    private readonly Tensor x;
    private readonly Tensor y;
    private readonly Tensor residual;
    private readonly Tensor image;
    private readonly bool wantsX;
    private readonly bool wantsWeight;
    private readonly bool wantsBias;
    private readonly bool wantsResidual;

    /// <summary>Saves what will be needed, before the convolution runs.</summary>
    public Conv2dGradient(Device device, TapeRecord record, Tensor x, ConvWeights weights, Tensor y, Tensor residual)
    {
        (this.device, this.record, this.x, this.weights, this.y, this.residual) = (device, record, x, weights, y, residual);
        (wantsX, wantsResidual) = (record.Wants(x), record.Wants(residual));
        (wantsWeight, wantsBias) = (record.Wants(weights.Weight), record.Wants(weights.Bias));
        if (wantsWeight) image = record.Save(x);
    }

    /// <summary>Runs it.</summary>
    public void Run()
    {
        var dy = record.Gradient(y);
        if (wantsBias) RowSum.Run(device, dy, record.Gradient(weights.Bias).Reshape(1, weights.Outputs));
        if (wantsWeight) AddToWeight(device, dy, image, record.Gradient(weights.Weight), weights.Stride, weights.Padding);
        if (wantsX) AddToImage(dy, record.Gradient(x));
        record.Keeps = wantsResidual && residual.IsSameAs(y);
        if (wantsResidual && !record.Keeps) RowSum.Run(device, dy, record.Gradient(residual));
    }

    /// <summary>The gradient of a weight: dW += dy^T patches(x).</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[(batch,) output height, output width, outputs]</c>.</param>
    /// <param name="x"><c>[(batch,) height, width, channels]</c>, dense.</param>
    /// <param name="weight"><c>[outputs, channels, kernel, kernel]</c>; added to.</param>
    /// <param name="stride">Step.</param>
    /// <param name="padding">Zeros around the image.</param>
    internal static void AddToWeight(Device device, Tensor dy, Tensor x, Tensor weight, int stride, int padding)
    {
        using var scope = device.Scope();
        var (outputs, channels, kernel) = (weight.Shape[0], weight.Shape[1], weight.Shape[3]);
        var taps = kernel * kernel;
        var grid = ConvPatches.Of(x, dy, kernel, stride, padding);
        var channelLast = device.Rent(outputs, taps * channels);
        device.FillCore(channelLast, 0);
        var lines = LinesOfBlock(device, grid);
        var rows = dy.Reshape(dy.Rows, dy.Columns);
        for (var first = 0; first < grid.Lines; first += lines)
        {
            using var block = device.Scope();
            var count = Math.Min(lines, grid.Lines - first);
            var patches = device.Rent(count * grid.OutputWidth, grid.Inputs);
            Unfold(device, x, grid, first, patches);
            GemmGradient.AddOuterProducts(device, rows.Slice(first * grid.OutputWidth, patches.Rows), patches, channelLast);
        }

        var turned = device.Rent(outputs, channels, taps);
        Transpose.Forward(device, channelLast.Reshape(outputs, taps, channels), turned);
        Elementwise.Accumulate(device, turned.Reshape(outputs, channels * taps), weight.Reshape(outputs, channels * taps));
    }

    /// <summary>dx += the patches dy W, each where its patch of x was.</summary>
    private void AddToImage(Tensor dy, Tensor dx)
    {
        var grid = ConvPatches.Of(dx, dy, weights.Kernel, weights.Stride, weights.Padding);
        var lines = LinesOfBlock(device, grid);
        var rows = dy.Reshape(dy.Rows, dy.Columns);
        for (var first = 0; first < grid.Lines; first += lines)
        {
            using var block = device.Scope();
            var count = Math.Min(lines, grid.Lines - first);
            var patches = device.Rent(count * grid.OutputWidth, grid.Inputs);
            Gemm.Run(device, "Gemm.Gradient", rows.Slice(first * grid.OutputWidth, patches.Rows), weights.Matrix.Transposed, patches);
            Fold(device, patches, grid, first, dx);
        }
    }

    private static int LinesOfBlock(Device device, in ConvPatches grid)
    {
        var floats = device is CpuDevice ? CpuBlockFloats : GpuBlockFloats;
        return (int)Math.Clamp(floats / Math.Max(1, (long)grid.OutputWidth * grid.Inputs), 1, Math.Max(1, grid.Lines));
    }

    /// <summary>Writes the patches of some output lines, zeros where they leave the image.</summary>
    internal static void Unfold(Device device, Tensor x, in ConvPatches grid, int firstLine, Tensor patches)
    {
        using var timing = device.Time("Conv2d.Unfold", 0, 8.0 * patches.Length, $"{patches.Shape}");
        switch (device)
        {
            case CpuDevice cpu: Conv2dGradientCpu.Unfold(cpu, x, grid, firstLine, patches); break;
            case IlgpuDevice gpu: Conv2dGradientGpu.Unfold(gpu, x, grid, firstLine, patches); break;
            default: throw device.Unsupported("Conv2d.Unfold");
        }
    }

    /// <summary>Adds the patches of some output lines to where they lie in the image.</summary>
    internal static void Fold(Device device, Tensor patches, in ConvPatches grid, int firstLine, Tensor x)
    {
        using var timing = device.Time("Conv2d.Fold", patches.Length, 4.0 * patches.Length, $"{patches.Shape}");
        switch (device)
        {
            case CpuDevice cpu: Conv2dGradientCpu.Fold(cpu, patches, grid, firstLine, x); break;
            case IlgpuDevice gpu: Conv2dGradientGpu.Fold(gpu, patches, grid, firstLine, x); break;
            default: throw device.Unsupported("Conv2d.Fold");
        }
    }
}

/// <summary>Where the patches of a convolution lie. Output lines are counted over all images.</summary>
/// <param name="Images">Images.</param>
/// <param name="Height">Lines of an image.</param>
/// <param name="Width">Pixels of a line.</param>
/// <param name="Channels">Input channels.</param>
/// <param name="Kernel">Edge of a patch.</param>
/// <param name="Stride">Step from patch to patch.</param>
/// <param name="Padding">Zeros around the image.</param>
/// <param name="OutputHeight">Patches below each other.</param>
/// <param name="OutputWidth">Patches abreast.</param>
internal readonly record struct ConvPatches(
    int Images, int Height, int Width, int Channels, int Kernel, int Stride, int Padding, int OutputHeight, int OutputWidth)
{
    /// <summary>Output lines of all images.</summary>
    public int Lines => Images * OutputHeight;

    /// <summary>Length of a patch.</summary>
    public int Inputs => Kernel * Kernel * Channels;

    /// <summary>
    /// Lines of the images, counted over all of them, that patches of some output lines can touch: from the first, up to the end.
    /// </summary>
    public (int First, int End) LinesUnder(int firstLine, int count)
    {
        var last = firstLine + count - 1;
        return (
            (firstLine / OutputHeight * Height) + Math.Max(0, (firstLine % OutputHeight * Stride) - Padding),
            (last / OutputHeight * Height) + Math.Min(Height, (last % OutputHeight * Stride) - Padding + Kernel));
    }

    /// <summary>The patches of x whose products make y.</summary>
    public static ConvPatches Of(Tensor x, Tensor y, int kernel, int stride, int padding) => new(
        x.Shape.Rank == 3 ? 1 : x.Shape[0], x.Shape[^3], x.Shape[^2], x.Columns, kernel, stride, padding, y.Shape[^3], y.Shape[^2]);
}
