namespace AuralSam2.Training;

/// <summary>The loss of a clip and what it is made of (SPEC 11), each summed over the clip's frames and not yet weighted.</summary>
/// <param name="Focal">Focal loss of the best mask.</param>
/// <param name="Dice">Dice loss of that mask.</param>
/// <param name="Iou">Error of the predicted IoUs.</param>
/// <param name="Object">Cross-entropy of the object logit.</param>
/// <param name="Contrast">AudioCon, or 0 without it.</param>
public readonly record struct LossTerms(double Focal, double Dice, double Iou, double Object, double Contrast)
{
    /// <summary>Weight of the focal loss.</summary>
    public const double FocalWeight = 20;

    /// <summary>What is minimised.</summary>
    public double Total => (FocalWeight * Focal) + Dice + Iou + Object + Contrast;

    /// <summary>The sum, term by term.</summary>
    public static LossTerms operator +(LossTerms a, LossTerms b) =>
        new(a.Focal + b.Focal, a.Dice + b.Dice, a.Iou + b.Iou, a.Object + b.Object, a.Contrast + b.Contrast);

    /// <summary>Every term divided: the mean of several clips.</summary>
    public static LossTerms operator /(LossTerms a, double n) => new(a.Focal / n, a.Dice / n, a.Iou / n, a.Object / n, a.Contrast / n);
}
