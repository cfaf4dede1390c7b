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
        var record = device.Recording("Add", y, [a, b]);
        var (wantsA, wantsB) = (record?.Wants(a) == true, record?.Wants(b) == true);
        RunAdd(device, "Add", a, b, y, scale);
        record?.Commit(y, () =>
        {
            var dy = record.Gradient(y);
            if (wantsB) RowSum.Run(device, dy, record.Gradient(b), scale);
            if (wantsA && !a.IsSameAs(y)) Accumulate(device, dy, record.Gradient(a));
            record.Keeps = wantsA && a.IsSameAs(y);
        });
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
        var record = device.Recording("Map", y, [x]);
        var before = activation == Activation.Gelu ? record?.Save(x) ?? default : default;
        using (device.Time("Map", (activation == Activation.None ? 2.0 : 20.0) * x.Length, 8.0 * x.Length, $"{x.Shape}"))
        {
            switch (device)
            {
                case CpuDevice cpu: ElementwiseCpu.Map(cpu, x, y, activation, scale, shift); break;
                case IlgpuDevice gpu: ElementwiseGpu.Map(gpu, x, y, activation, scale, shift); break;
                default: throw device.Unsupported("Map");
            }
        }

        if (record is null) return;
        var saved = activation is Activation.Relu or Activation.Sigmoid ? record.SaveResult(y) : before;
        record.Commit(y, () =>
        {
            MapGradient(device, record.Gradient(y), saved, record.Gradient(x), activation, scale, shift, accumulate: !x.IsSameAs(y));
            record.Keeps = x.IsSameAs(y);
        });
    }

    /// <summary>The gradient of <see cref="Map"/>: dx = (dx +) scale dy f'(scale x + shift).</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[rows, channels]</c>: gradient of y.</param>
    /// <param name="saved">What f' is made of: y for ReLU and sigmoid, x for GELU, absent for none.</param>
    /// <param name="dx"><c>[rows, channels]</c>; may be <paramref name="dy"/> when nothing is added.</param>
    /// <param name="activation">The function f.</param>
    /// <param name="scale">Factor of x.</param>
    /// <param name="shift">Added before f.</param>
    /// <param name="accumulate">Whether dx is added to.</param>
    internal static void MapGradient(
        Device device, Tensor dy, Tensor saved, Tensor dx, Activation activation, float scale = 1f, float shift = 0f, bool accumulate = true)
    {
        using var timing = device.Time(
            "Map.Gradient", (activation == Activation.None ? 2.0 : 30.0) * dy.Length, (saved.IsEmpty ? 8.0 : 12.0) * dy.Length, $"{dy.Shape}");
        if (saved.IsEmpty) saved = dy; // f' is 1
        switch (device)
        {
            case CpuDevice cpu: ElementwiseCpu.MapGradient(cpu, dy, saved, dx, activation, scale, shift, accumulate); break;
            case IlgpuDevice gpu: ElementwiseGpu.MapGradient(gpu, dy, saved, dx, activation, scale, shift, accumulate); break;
            default: throw device.Unsupported("Map.Gradient");
        }
    }

    /// <summary>target += gradient, never recorded: how gradients add up.</summary>
    internal static void Accumulate(Device device, Tensor gradient, Tensor target) => RunAdd(device, "Add.Gradient", target, gradient, target, 1f);

    /// <summary>y = low where x &lt;= threshold, high where x &gt; threshold: a mask from logits.</summary>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Threshold(Device device, Tensor x, Tensor y, float threshold, float low, float high)
    {
        OpArguments.Require(x.Columns == y.Columns && x.Rows == y.Rows, "Threshold", $"x {x} against y {y}");
        device.Tape?.Overwritten(y); // constant but for a step: no gradient
        using var timing = device.Time("Threshold", x.Length, 8.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ElementwiseCpu.Threshold(cpu, x, y, threshold, low, high); break;
            case IlgpuDevice gpu: ElementwiseGpu.Threshold(gpu, x, y, threshold, low, high); break;
            default: throw device.Unsupported("Threshold");
        }
    }

    private static void RunAdd(Device device, string op, Tensor a, Tensor b, Tensor y, float scale)
    {
        using var timing = device.Time(op, 2.0 * a.Length, 4.0 * ((2 * a.Length) + b.Length), $"{a.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ElementwiseCpu.Add(cpu, a, b, y, scale); break;
            case IlgpuDevice gpu: ElementwiseGpu.Add(gpu, a, b, y, scale); break;
            default: throw device.Unsupported(op);
        }
    }
}
