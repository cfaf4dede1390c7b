namespace AuralSam2.Kernels.Ops;

/// <summary>Functions of one or two tensors, element by element.</summary>
public static class Elementwise
{
    /// <summary>
    /// y = a + scale * b. <paramref name="b"/> may have fewer rows: it then repeats (a table added to every frame, one vector added to
    /// every row).
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="a"><c>[rows, channels]</c>.</param>
    /// <param name="b"><c>[n, channels]</c> with n dividing rows, or <c>[channels]</c>.</param>
    /// <param name="y"><c>[rows, channels]</c>; may be <paramref name="a"/>.</param>
    /// <param name="scale">Factor of <paramref name="b"/>.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Add(Device device, Tensor a, Tensor b, Tensor y, float scale = 1f)
    {
        OpArguments.Require(
            a.Columns == b.Columns && a.Columns == y.Columns && a.Rows == y.Rows && (a.Rows == 0 || (b.Rows > 0 && a.Rows % b.Rows == 0)),
            "Add", $"a {a}, b {b}, y {y}");
        using var timing = device.Time("Add", 2.0 * a.Length, 4.0 * ((2 * a.Length) + b.Length), $"{a.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ElementwiseCpu.Add(cpu, a, b, y, scale); break;
            case IlgpuDevice gpu: ElementwiseGpu.Add(gpu, a, b, y, scale); break;
            default: throw device.Unsupported("Add");
        }
    }

    /// <summary>y = f(scale * x + shift).</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="y"><c>[rows, channels]</c>; may be <paramref name="x"/>.</param>
    /// <param name="activation">The function f.</param>
    /// <param name="scale">Factor of x.</param>
    /// <param name="shift">Added before f.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Map(Device device, Tensor x, Tensor y, Activation activation, float scale = 1f, float shift = 0f)
    {
        OpArguments.Require(x.Columns == y.Columns && x.Rows == y.Rows, "Map", $"x {x} against y {y}");
        using var timing = device.Time("Map", (activation == Activation.None ? 2.0 : 20.0) * x.Length, 8.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ElementwiseCpu.Map(cpu, x, y, activation, scale, shift); break;
            case IlgpuDevice gpu: ElementwiseGpu.Map(gpu, x, y, activation, scale, shift); break;
            default: throw device.Unsupported("Map");
        }
    }

    /// <summary>y = low where x &lt;= threshold, high where x &gt; threshold: a mask from logits.</summary>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Threshold(Device device, Tensor x, Tensor y, float threshold, float low, float high)
    {
        OpArguments.Require(x.Columns == y.Columns && x.Rows == y.Rows, "Threshold", $"x {x} against y {y}");
        using var timing = device.Time("Threshold", x.Length, 8.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ElementwiseCpu.Threshold(cpu, x, y, threshold, low, high); break;
            case IlgpuDevice gpu: ElementwiseGpu.Threshold(gpu, x, y, threshold, low, high); break;
            default: throw device.Unsupported("Threshold");
        }
    }
}
