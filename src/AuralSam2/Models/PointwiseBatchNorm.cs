using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models;

/// <summary>
/// A 1x1 convolution and the batch norm behind it. Frozen, they are one matrix; while they are learned, the norm takes the statistics of the
/// batch when a tape records, and the running ones otherwise.
/// </summary>
/// <param name="Matrix">The convolution; with the norm folded in when there is no <paramref name="Norm"/>.</param>
/// <param name="Norm">The norm while it is learned.</param>
internal sealed record PointwiseBatchNorm(PackedMatrix Matrix, BatchNormWeights? Norm)
{
    /// <summary>y = norm(convolution(x)).</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, inputs]</c>.</param>
    /// <param name="y"><c>[rows, outputs]</c>.</param>
    public void Forward(Device device, Tensor x, Tensor y)
    {
        Gemm.Forward(device, x, Matrix, y);
        if (Norm is { } norm) BatchNorm.Forward(device, y, norm, y, training: device.IsRecording);
    }
}
