using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>Linear layers with ReLU between them: the decoder's heads.</summary>
internal sealed class Mlp
{
    private readonly Device device;
    private readonly string path;
    private readonly PackedMatrix[] layers;
    private readonly Activation last;

    /// <summary>Reads layers.0, layers.1, ...</summary>
    /// <param name="binder">Parameters.</param>
    /// <param name="prefix">Name of the head.</param>
    /// <param name="widths">Channels from input to output.</param>
    /// <param name="last">Applied to the output.</param>
    public Mlp(ParameterBinder binder, string prefix, ReadOnlySpan<int> widths, Activation last = Activation.None)
    {
        device = binder.Device;
        path = prefix;
        this.last = last;
        layers = new PackedMatrix[widths.Length - 1];
        for (var i = 0; i < layers.Length; i++) layers[i] = binder.Linear($"{prefix}.layers.{i}", widths[i + 1], widths[i]);
    }

    /// <summary>Runs the head.</summary>
    /// <param name="x"><c>[rows, first width]</c>.</param>
    /// <param name="y"><c>[rows, last width]</c>.</param>
    /// <param name="name">Name in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(Tensor x, Tensor y, string name = "", StageObserver? observe = null)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        for (var i = 0; i < layers.Length; i++)
        {
            var isLast = i == layers.Length - 1;
            var target = isLast ? y : device.Rent(x.Rows, layers[i].Outputs);
            if (observe is not null)
            {
                Gemm.Forward(device, x, layers[i], target);
                observe($"{name}.layers.{i}", target);
            }

            Gemm.Forward(device, x, layers[i], target, new GemmFusion { Activation = isLast ? last : Activation.Relu });
            if (!isLast) observe?.Invoke(i == 0 ? name + ".act" : $"{name}.act#{i}", target);
            x = target;
        }

        observe?.Invoke(name, y);
    }
}
