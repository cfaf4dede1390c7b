using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Training;

/// <summary>A clip's loss on the device: the mask losses of its frames, and whatever else is added to <see cref="Total"/>.</summary>
internal sealed class SegmentationLoss : IDisposable
{
    private readonly Device device;
    private readonly MaskLossWeights weights;
    private readonly Tensor terms;

    public SegmentationLoss(Device device, MaskLossWeights? weights = null)
    {
        (this.device, this.weights) = (device, weights ?? MaskLossWeights.Published);
        terms = device.AllocateTensor(4);
        Total = device.AllocateTensor(1);
    }

    /// <summary><c>[1]</c>: the loss so far.</summary>
    public Tensor Total { get; }

    /// <summary>Forgets the last clip.</summary>
    public void Clear()
    {
        device.Fill(terms, 0);
        device.Fill(Total, 0);
    }

    /// <summary>Adds a frame.</summary>
    /// <param name="logits"><c>[3, height, width]</c>.</param>
    /// <param name="target"><c>[height, width]</c>: above 0 on the object.</param>
    /// <param name="ious"><c>[1, 3]</c>: predicted.</param>
    /// <param name="objectLogit"><c>[1, 1]</c>.</param>
    /// <param name="details">See <see cref="MaskLoss"/>; may be absent.</param>
    public void AddFrame(Tensor logits, Tensor target, Tensor ious, Tensor objectLogit, Tensor details = default) =>
        MaskLoss.Forward(device, logits, target, ious, objectLogit, weights, terms, Total, details);

    /// <summary>The terms, after all work is done.</summary>
    public LossTerms Download()
    {
        float[] t = device.Download(terms), total = device.Download(Total);
        var core = (weights.Focal * (double)t[0]) + (weights.Dice * (double)t[1]) + (weights.Iou * (double)t[2]) + (weights.Object * (double)t[3]);
        return new LossTerms(t[0], t[1], t[2], t[3], total[0] - core);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        terms.Buffer.Dispose();
        Total.Buffer.Dispose();
    }
}
