namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Dropout while a tape records with <see cref="DropoutPlan.Rate"/> above 0: y = x m / (1 - rate) + residual, m = 1 for elements that are kept
/// and 0 for the others. Otherwise y = x + residual. No mask is stored: the gradient makes it again.
/// </summary>
public static class Dropout
{
    /// <summary>Whether elements are dropped now.</summary>
    public static bool IsOn(Device device) => device.Tape is { Dropout.Rate: > 0 };

    /// <summary>Drops, or copies, or does nothing.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="y"><c>[rows, channels]</c>; may be <paramref name="x"/> or <paramref name="residual"/>.</param>
    /// <param name="residual">Optional <c>[rows, channels]</c>, added after.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or the rate is not within 0 to less than 1.</exception>
    public static void Forward(Device device, Tensor x, Tensor y, Tensor residual = default)
    {
        OpArguments.Require(
            x.Columns == y.Columns && x.Rows == y.Rows && (residual.IsEmpty || (residual.Columns == x.Columns && residual.Rows == x.Rows)),
            "Dropout", $"x {x}, residual {residual}, y {y}");
        if (!IsOn(device))
        {
            if (!residual.IsEmpty) Elementwise.Add(device, x, residual, y);
            else if (!x.IsSameAs(y)) device.Copy(x, y);
            return;
        }

        var tape = device.Tape!;
        var rate = tape.Dropout.Rate;
        OpArguments.Require(rate is > 0 and < 1, "Dropout", $"rate {rate}");
        var pattern = new Pattern(tape.NextDropoutKey(), DropoutMask.Threshold(rate), 1 / (1 - rate));
        var record = device.Recording("Dropout", y, [x, residual]);
        var (wantsX, wantsResidual) = (record?.Wants(x) == true, record?.Wants(residual) == true);
        Run(device, "Dropout", x, pattern, residual, y);
        record?.Commit(y, () =>
        {
            var dy = record.Gradient(y);
            var kept = wantsResidual && residual.IsSameAs(y);
            if (wantsResidual && !kept) Elementwise.Accumulate(device, dy, record.Gradient(residual));
            var replaces = wantsX && x.IsSameAs(y);
            if (wantsX) Run(device, "Dropout.Gradient", dy, pattern, replaces ? default : record.Gradient(x), record.Gradient(x));
            record.Keeps = kept || replaces;
        });
    }

    /// <summary>The mask of one op in one step.</summary>
    /// <param name="Key">Of the op's place in the step.</param>
    /// <param name="Threshold">See <see cref="DropoutMask"/>.</param>
    /// <param name="Scale">Factor of what is kept.</param>
    internal readonly record struct Pattern(ulong Key, uint Threshold, float Scale);

    /// <summary>y = x m scale + add.</summary>
    private static void Run(Device device, string op, Tensor x, Pattern pattern, Tensor add, Tensor y)
    {
        using var timing = device.Time(op, 2.0 * x.Length, (add.IsEmpty ? 8.0 : 12.0) * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: DropoutCpu.Run(cpu, x, pattern, add, y); break;
            case IlgpuDevice gpu: DropoutGpu.Run(gpu, x, pattern, add, y); break;
            default: throw device.Unsupported(op);
        }
    }
}
