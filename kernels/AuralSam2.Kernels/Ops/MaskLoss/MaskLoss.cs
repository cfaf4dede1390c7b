namespace AuralSam2.Kernels.Ops;

/// <summary>Factors of the terms of a <see cref="MaskLoss"/>.</summary>
/// <param name="Focal">Of the focal loss.</param>
/// <param name="Dice">Of the dice loss.</param>
/// <param name="Iou">Of the error of the predicted IoUs.</param>
/// <param name="Object">Of the object score's cross-entropy.</param>
/// <param name="Objects">Number of objects that focal, dice, IoU and object losses are divided by.</param>
public readonly record struct MaskLossWeights(float Focal, float Dice, float Iou, float Object, float Objects)
{
    /// <summary>Those of SAM2's training, for one object.</summary>
    public static MaskLossWeights Published { get; } = new(20, 1, 1, 1, 1);
}

/// <summary>
/// SAM2's loss of one frame: of three masks the best is supervised by focal and dice loss, all three predicted IoUs by their error, the object
/// score by cross-entropy. A frame without object supervises the object score alone.
/// </summary>
/// <remarks>
/// With p = sigmoid(x), q the probability of the wrong answer, a = 1/4 on the object and 3/4 beside it: focal = mean(a q^2 BCE(x, y)) (Lin et
/// al. 2017), dice = 1 - (2 sum p y + 1) / (sum p + sum y + 1), best = argmin(20 focal + dice) with the weights' own factors, IoU error =
/// mean over masks |predicted - IoU(x > 0, y)| (union at least 1). Sums over pixels are float64.
/// </remarks>
public static class MaskLoss
{
    /// <summary>Masks per frame.</summary>
    public const int Masks = 3;

    /// <summary>Rows of <see cref="Forward"/>'s details.</summary>
    public const int Details = 7;

    /// <summary>Row of the details that begins with the best mask's index.</summary>
    public const int BestRow = 6;

    /// <summary>Adds the loss of a frame.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="logits"><c>[3, height, width]</c> or <c>[3, pixels]</c>, dense.</param>
    /// <param name="target">As many elements as a mask, dense: above 0 where the object is.</param>
    /// <param name="ious"><c>[1, 3]</c>: predicted.</param>
    /// <param name="objectLogit"><c>[1, 1]</c>: above 0 where there is an object.</param>
    /// <param name="weights">Factors of the terms.</param>
    /// <param name="terms"><c>[4]</c>: focal, dice, IoU and object loss without their factors, added to.</param>
    /// <param name="loss"><c>[1]</c>: the weighted sum, added to.</param>
    /// <param name="details">
    /// Optional <c>[7, 3]</c>: by mask focal loss, dice loss, IoU error and IoU; numerator and denominator of dice; then the best mask's index,
    /// 1 where there is an object, and 0.
    /// </param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(
        Device device, Tensor logits, Tensor target, Tensor ious, Tensor objectLogit, in MaskLossWeights weights, Tensor terms, Tensor loss,
        Tensor details = default)
    {
        OpArguments.Require(
            logits.Shape.Rank > 1 && logits.Shape[0] == Masks && logits.IsDense && target.IsDense && target.Length > 0 &&
            logits.Length == Masks * target.Length,
            "MaskLoss", $"logits {logits}, target {target}");
        OpArguments.Require(
            ious is { Length: Masks, IsDense: true } && objectLogit.Length == 1 && terms is { Length: 4, IsDense: true } && loss.Length == 1,
            "MaskLoss", $"ious {ious}, object {objectLogit}, terms {terms}, loss {loss}");
        OpArguments.Require(details.IsEmpty || details is { Rows: Details, Columns: Masks, IsDense: true }, "MaskLoss", $"details {details}");
        var pixels = checked((int)target.Length);
        (logits, target) = (logits.Reshape(Masks, pixels), target.Reshape(1, pixels));
        var record = device.Recording("MaskLoss", loss, [logits, ious, objectLogit, terms, loss]);
        if (!details.IsEmpty) device.Tape?.Overwritten(details);
        using var scope = device.Scope();
        var kept = record is null ? default : new Kept(
            record.Save(logits), record.Save(target), record.Save(ious), record.Save(objectLogit), record.Reserve(Details, Masks), weights);
        var (wantsLogits, wantsIous, wantsObject) =
            (record?.Wants(logits) == true, record?.Wants(ious) == true, record?.Wants(objectLogit) == true);
        var (wantsTerms, wantsLoss) = (record?.Wants(terms) == true, record?.Wants(loss) == true);
        var statistics = record is null ? device.Arena.Rent(Details, Masks) : kept.Statistics;
        using (device.Time("MaskLoss", Flops(pixels), 16.0 * pixels, $"{logits.Shape}"))
        {
            switch (device)
            {
                case CpuDevice cpu: MaskLossCpu.Run(cpu, logits, target, ious, objectLogit, weights, statistics, terms, loss); break;
                case IlgpuDevice gpu: MaskLossGpu.Run(gpu, logits, target, ious, objectLogit, weights, statistics, terms, loss); break;
                default: throw device.Unsupported("MaskLoss");
            }
        }

        if (!details.IsEmpty) device.CopyCore(statistics, details);
        if (record is null) return;
        record.AlsoWrites(terms);
        record.Commit(loss, () =>
        {
            Gradient(
                device, kept, record.Gradient(terms), record.Gradient(loss), wantsLogits ? record.Gradient(logits) : default,
                wantsIous ? record.Gradient(ious) : default, wantsObject ? record.Gradient(objectLogit) : default);
            // Sums pass their gradient on to what was there before, which is nothing for the first frame.
            record.Keeps = true;
            if (!wantsTerms) device.FillCore(record.Gradient(terms), 0);
            if (!wantsLoss) device.FillCore(record.Gradient(loss), 0);
        });
    }

    /// <summary>Declared operations: softplus and sigmoid of every pixel of every mask, and its sums.</summary>
    internal static double Flops(long pixels) => Masks * 45.0 * pixels;

    /// <summary>What the gradient reads.</summary>
    internal readonly record struct Kept(
        Tensor Logits, Tensor Target, Tensor Ious, Tensor ObjectLogit, Tensor Statistics, MaskLossWeights Weights);

    private static void Gradient(Device device, in Kept kept, Tensor dTerms, Tensor dLoss, Tensor dLogits, Tensor dIous, Tensor dObject)
    {
        using var timing = device.Time("MaskLoss.Gradient", 45.0 * kept.Target.Length, 16.0 * kept.Target.Length, $"{kept.Logits.Shape}");
        switch (device)
        {
            case CpuDevice cpu: MaskLossCpu.Gradient(cpu, kept, dTerms, dLoss, dLogits, dIous, dObject); break;
            case IlgpuDevice gpu: MaskLossGpu.Gradient(gpu, kept, dTerms, dLoss, dLogits, dIous, dObject); break;
            default: throw device.Unsupported("MaskLoss.Gradient");
        }
    }
}
