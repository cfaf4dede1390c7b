using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>
/// The feature pyramid (SPEC 1.2): every stage to 256 channels; only the stride-16 level also takes the stride-32 map, enlarged. The
/// stride-32 map itself is dropped.
/// </summary>
internal sealed class FpnNeck
{
    /// <summary>Channels of every level.</summary>
    public const int Channels = 256;

    private readonly Device device;
    private readonly string path;
    private readonly PackedMatrix[] laterals; // by level, finest first; the state dict counts from the coarsest

    public FpnNeck(HieraConfig trunk, ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        path = prefix;
        laterals = new PackedMatrix[4];
        for (var j = 0; j < 4; j++) laterals[3 - j] = binder.Pointwise($"{prefix}.convs.{j}.conv", Channels, trunk.Channels(3 - j));
    }

    /// <summary>Makes the pyramid.</summary>
    /// <param name="stages">The trunk's four maps, finest first.</param>
    /// <param name="levels">Results: <c>[h, w, 256]</c> at strides 4, 8 and 16.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(ReadOnlySpan<Tensor> stages, ReadOnlySpan<Tensor> levels, StageObserver? observe = null)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        var coarsest = device.Rent(stages[3].Shape[0], stages[3].Shape[1], Channels);
        Gemm.Forward(device, stages[3], laterals[3], coarsest);
        Observe(0, coarsest, observe);
        for (var level = 2; level >= 0; level--)
        {
            Gemm.Forward(device, stages[level], laterals[level], levels[level]);
            Observe(3 - level, levels[level], observe);
        }

        Upsample2x.AddNearest(device, coarsest, levels[2]);
        for (var level = 0; level < 3; level++) observe?.Invoke($"fpn.{level}", levels[level], StageLayout.Map);
    }

    private static void Observe(int j, Tensor lateral, StageObserver? observe)
    {
        observe?.Invoke($"neck.convs.{j}.conv", lateral, StageLayout.Map);
        observe?.Invoke($"neck.convs.{j}", lateral, StageLayout.Map);
    }
}
