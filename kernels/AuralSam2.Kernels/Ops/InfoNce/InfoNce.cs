namespace AuralSam2.Kernels.Ops;

/// <summary>What a <see cref="InfoNce"/> knows of its rows, apart from their values.</summary>
/// <param name="Anchors"><c>[2, n]</c>, dense: label and identity of every anchor.</param>
/// <param name="Contrasts">
/// <c>[4, m]</c>, dense: label and identity of every contrast, 1 where it may be a positive, 1 where it may be a negative. An anchor never meets
/// the contrast of the same identity; give what is no anchor identities that no anchor has.
/// </param>
public readonly record struct ContrastMarks(Tensor Anchors, Tensor Contrasts);

/// <summary>
/// The contrastive loss: with s = anchor . contrast / temperature, minus the mean over anchors of the mean over positives (same label) of
/// s - log(e^s + sum over negatives (other labels) e^s). The matrix s is made tile by tile and never stored.
/// </summary>
public static class InfoNce
{
    /// <summary>Rows of the statistics: row maximum, sum over negatives, sum over positives of 1 / denominator, positives, loss.</summary>
    internal const int Statistics = 5;

    /// <summary>Adds the loss.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="anchors"><c>[n, channels]</c>, usually of unit length.</param>
    /// <param name="contrasts"><c>[m, channels]</c>.</param>
    /// <param name="marks">Labels, and who may be what.</param>
    /// <param name="temperature">Divides the products.</param>
    /// <param name="loss"><c>[1]</c>: added to.</param>
    /// <param name="supervised">
    /// SupCon's denominator (Khosla et al. 2020) instead: the sum over everything but the anchor itself that may be a negative, whatever its label.
    /// </param>
    /// <exception cref="ArgumentException">The shapes disagree, or there is nothing to contrast.</exception>
    public static void Forward(
        Device device, Tensor anchors, Tensor contrasts, ContrastMarks marks, float temperature, Tensor loss, bool supervised = false)
    {
        OpArguments.Require(
            anchors.Columns == contrasts.Columns && anchors.Rows > 0 && contrasts.Rows > 0 && temperature > 0 && loss.Length == 1,
            "InfoNce", $"anchors {anchors}, contrasts {contrasts}, temperature {temperature}, loss {loss}");
        OpArguments.Require(
            marks.Anchors is { Rows: 2, IsDense: true } && marks.Anchors.Columns == anchors.Rows && marks.Contrasts is { Rows: 4, IsDense: true } &&
            marks.Contrasts.Columns == contrasts.Rows,
            "InfoNce", $"marks {marks.Anchors} of anchors {anchors}, {marks.Contrasts} of contrasts {contrasts}");
        var record = device.Recording("InfoNce", loss, [anchors, contrasts, loss]);
        var (wantsAnchors, wantsContrasts, wantsLoss) =
            (record?.Wants(anchors) == true, record?.Wants(contrasts) == true, record?.Wants(loss) == true);
        using var scope = device.Scope();
        var problem = record is null
            ? new Problem(anchors, contrasts, marks, 1 / temperature, supervised, device.Arena.Rent(Statistics, anchors.Rows))
            : new Problem(
                record.Save(anchors), record.Save(contrasts), new ContrastMarks(record.Save(marks.Anchors), record.Save(marks.Contrasts)),
                1 / temperature, supervised, record.Reserve(Statistics, anchors.Rows));
        using (device.Time("InfoNce", Flops(problem), Bytes(problem), $"{problem.Shape}"))
        {
            switch (device)
            {
                case CpuDevice cpu: InfoNceCpu.Run(cpu, problem, loss); break;
                case IlgpuDevice gpu: InfoNceGpu.Run(gpu, problem, loss); break;
                default: throw device.Unsupported("InfoNce");
            }
        }

        record?.Commit(loss, () =>
        {
            Gradient(
                device, problem, record.Gradient(loss), wantsAnchors ? record.Gradient(anchors) : default,
                wantsContrasts ? record.Gradient(contrasts) : default);
            record.Keeps = wantsLoss; // a sum passes its gradient on
        });
    }

    /// <summary>The operands as kernels need them.</summary>
    internal sealed record Problem(
        Tensor Anchors, Tensor Contrasts, ContrastMarks Marks, float Sharpness, bool Supervised, Tensor Kept)
    {
        public string Shape => $"{Anchors.Rows} anchors, {Contrasts.Rows} contrasts, {Anchors.Columns} channels";
    }

    /// <summary>
    /// With N the sum over negatives, P the number of positives and c = dloss / (n P): ds = c (e^s / (e^s + N) - 1) of a positive, and
    /// c e^s sum over positives 1 / (e^s' + N) of a negative.
    /// </summary>
    private static void Gradient(Device device, Problem problem, Tensor dLoss, Tensor dAnchors, Tensor dContrasts)
    {
        var products = (dAnchors.IsEmpty ? 0 : 2) + (dContrasts.IsEmpty ? 0 : 2);
        using var timing = device.Time("InfoNce.Gradient", products * Flops(problem), 2 * Bytes(problem), $"{problem.Shape}");
        switch (device)
        {
            case CpuDevice cpu: InfoNceCpu.Gradient(cpu, problem, dLoss, dAnchors, dContrasts); break;
            case IlgpuDevice gpu: InfoNceGpu.Gradient(gpu, problem, dLoss, dAnchors, dContrasts); break;
            default: throw device.Unsupported("InfoNce.Gradient");
        }
    }

    /// <summary>Declared operations: one matrix product.</summary>
    private static double Flops(Problem problem) => 2.0 * problem.Anchors.Rows * problem.Contrasts.Length;

    private static double Bytes(Problem problem) => 4.0 * (problem.Anchors.Length + problem.Contrasts.Length);
}
