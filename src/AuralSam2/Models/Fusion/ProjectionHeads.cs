using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Fusion;

/// <summary>
/// Projections into the space where AudioCon contrasts image and sound (SPEC 10): training alone uses them.
/// </summary>
internal sealed class ProjectionHeads
{
    private const int Channels = AuralFuser.Channels;
    /// <summary>Channels of a projection.</summary>
    public const int Projected = 128;

    private readonly Device device;
    private readonly FuserVariant variant;
    private readonly Head vision;
    private readonly Head audio;

    public ProjectionHeads(FuserVariant variant, ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        this.variant = variant;
        vision = new Head(variant, binder, prefix + ".train_proj_v1.proj", ones: 2);
        audio = new Head(variant, binder, prefix + ".train_proj_a1.proj", ones: 1);
    }

    /// <summary>Projects a level's image and sound.</summary>
    /// <param name="fused"><c>[frames, cells, 256]</c>: the fused maps (AVS).</param>
    /// <param name="residual"><c>[frames, cells, 256]</c>: what fusion added (Ref).</param>
    /// <param name="sound"><c>[audio tokens, 256]</c>.</param>
    /// <param name="seen"><c>[frames, cells, 128]</c>: of the image.</param>
    /// <param name="heard"><c>[tokens, 128]</c>: of the first audio tokens.</param>
    public void Forward(Tensor fused, Tensor residual, Tensor sound, Tensor seen, Tensor heard)
    {
        using var scope = device.Scope();
        var (frames, cells) = (fused.Shape[0], fused.Shape[1]);
        vision.Forward(device, variant == FuserVariant.Avs ? fused : residual, seen);
        if (variant == FuserVariant.Avs)
        {
            L2Normalize.Forward(device, seen, seen);
        }
        else
        {
            // The published code normalises over dimension 1 of [frames, pixels, channels]: over pixels.
            var turned = device.Rent(frames, Projected, cells);
            Transpose.Forward(device, seen, turned);
            L2Normalize.Forward(device, turned, turned);
            Transpose.Forward(device, turned, seen);
        }

        audio.Forward(device, sound.Slice(0, heard.Rows), heard);
        L2Normalize.Forward(device, heard, heard);
    }

    /// <summary>Shows both projections of a level to the observer.</summary>
    /// <param name="fused"><c>[frames, cells, 256]</c>: the fused maps (AVS).</param>
    /// <param name="residual"><c>[frames, cells, 256]</c>: what fusion added (Ref).</param>
    /// <param name="sound"><c>[audio tokens, 256]</c>.</param>
    /// <param name="level">Level.</param>
    /// <param name="observe">Receives the stages.</param>
    public void Observe(Tensor fused, Tensor residual, Tensor sound, int level, StageObserver observe)
    {
        using var scope = device.Scope();
        var (frames, cells) = (fused.Shape[0], fused.Shape[1]);
        var edge = (int)Math.Sqrt(cells);
        Tensor seen = device.Rent(frames, cells, Projected), heard = device.Rent(frames, Projected);
        Forward(fused, residual, sound, seen, heard);
        observe($"fuser.proj_v.{level}", seen.Reshape(frames, edge, edge, Projected), StageLayout.Map);
        observe($"fuser.proj_a.{level}", heard);
    }

    /// <summary>AVS: convolution, batch norm, convolution. Ref: linear, GELU, layer norm, linear.</summary>
    private sealed class Head
    {
        private readonly PointwiseBatchNorm? normalisedFirst;
        private readonly PackedMatrix? first;
        private readonly NormWeights? norm;
        private readonly PackedMatrix second;

        public Head(FuserVariant variant, ParameterBinder binder, string prefix, int ones)
        {
            if (variant == FuserVariant.Avs)
            {
                normalisedFirst = binder.PointwiseBatchNorm(prefix + ".0", prefix + ".1", Projected, Channels, ones);
                second = binder.Pointwise(prefix + ".2", Projected, Projected, ones);
            }
            else
            {
                first = binder.Linear(prefix + ".0", Projected, Channels);
                norm = binder.Norm(prefix + ".2", Projected, 1e-5f);
                second = binder.Linear(prefix + ".3", Projected, Projected);
            }
        }

        public void Forward(Device device, Tensor x, Tensor y)
        {
            using var scope = device.Scope();
            var hidden = device.Rent(x.Rows, Projected);
            if (normalisedFirst is not null) normalisedFirst.Forward(device, x, hidden);
            else Gemm.Forward(device, x, first!, hidden, new GemmFusion { Activation = Activation.Gelu });
            Gemm.Forward(device, hidden, second, y, new GemmFusion { Norm = norm });
        }
    }
}
