namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of y = norm(x) W^T + b + residual: dx = dy W, through the norm where there is one; dW = dy^T norm(x); db, the sum of dy's
/// rows. The norm is computed again from x rather than kept.
/// </summary>
internal sealed class GemmGradient
{
    private readonly Device device;
    private readonly TapeRecord record;
    private readonly PackedMatrix weight;
    private readonly NormWeights? norm;
    private readonly Tensor x;
    private readonly Tensor y;
    private readonly Tensor residual;
    private readonly Tensor input;
    private readonly Action<Tensor>? repeat; // in place of input
    private readonly bool wantsX;
    private readonly bool wantsInput;
    private readonly bool wantsNormWeight;
    private readonly bool wantsNormBias;
    private readonly bool wantsWeight;
    private readonly bool wantsBias;
    private readonly bool wantsResidual;

    /// <summary>Saves what will be needed, before the product runs.</summary>
    public GemmGradient(Device device, TapeRecord record, Tensor x, PackedMatrix weight, Tensor y, in GemmFusion fusion)
    {
        (this.device, this.record, this.x, this.weight, this.y) = (device, record, x, weight, y);
        (norm, residual) = (fusion.Norm, fusion.Residual);
        (wantsX, wantsResidual) = (record.Wants(x), record.Wants(residual));
        (wantsWeight, wantsBias) = (record.Wants(weight.Weight), record.Wants(weight.Bias));
        (wantsNormWeight, wantsNormBias) = (record.Wants(norm?.Weight ?? default), record.Wants(norm?.Bias ?? default));
        wantsInput = wantsX || wantsNormWeight || wantsNormBias;
        if (!wantsWeight && (norm is null || !wantsInput)) return;
        repeat = norm is null ? record.RepeatOf(x) : null;
        if (repeat is null) input = record.Save(x);
    }

    /// <summary>Runs it.</summary>
    public void Run()
    {
        var dy = record.Gradient(y);
        if (wantsBias) RowSum.Run(device, dy, record.Gradient(weight.Bias).Reshape(1, weight.Outputs));
        if (wantsWeight) RunWeight(dy);
        if (wantsInput) RunInput(dy);
        record.Keeps = wantsResidual && residual.IsSameAs(y);
        if (wantsResidual && !record.Keeps) RowSum.Run(device, dy, record.Gradient(residual));
    }

    private void RunWeight(Tensor dy)
    {
        using var scope = device.Scope();
        var factor = norm is null && repeat is null ? input : device.Rent(x.Rows, x.Columns);
        if (norm is { } n) LayerNorm.Forward(device, input, n, factor);
        repeat?.Invoke(factor);
        AddOuterProducts(device, dy, factor, record.Gradient(weight.Weight));
    }

    private void RunInput(Tensor dy)
    {
        if (norm is not { } n)
        {
            var dx = record.Gradient(x);
            Gemm.Run(device, "Gemm.Gradient", dy, weight.Transposed, dx, new GemmFusion { Residual = dx });
            return;
        }

        using var scope = device.Scope();
        var normalised = device.Rent(x.Rows, x.Columns);
        Gemm.Run(device, "Gemm.Gradient", dy, weight.Transposed, normalised);
        LayerNorm.Gradient(
            device, normalised, input, n, wantsX ? record.Gradient(x) : default,
            wantsNormWeight ? record.Gradient(n.Weight) : default, wantsNormBias ? record.Gradient(n.Bias) : default);
    }

    /// <summary>c += a^T b: the gradient of a weight.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="a"><c>[rows, outputs]</c>.</param>
    /// <param name="b"><c>[rows, inputs]</c>.</param>
    /// <param name="c"><c>[outputs, inputs]</c>; added to.</param>
    internal static void AddOuterProducts(Device device, Tensor a, Tensor b, Tensor c)
    {
        OpArguments.Require(a.Rows == b.Rows && c.Rows == a.Columns && c.Columns == b.Columns, "Gemm.Gradient", $"a {a}, b {b}, c {c}");
        if (a.Rows == 0) return;
        using var timing = device.Time(
            "Gemm.WeightGradient", 2.0 * a.Rows * a.Columns * b.Columns, 4.0 * (a.Length + b.Length + (2 * c.Length)),
            $"m {a.Columns} n {b.Columns} k {a.Rows}");
        switch (device)
        {
            case CpuDevice cpu: GemmGradientCpu.AddOuterProducts(cpu, a, b, c); break;
            case IlgpuDevice gpu: GemmGradientGpu.AddOuterProducts(gpu, a, b, c); break;
            default: throw device.Unsupported("Gemm.Gradient");
        }
    }
}
