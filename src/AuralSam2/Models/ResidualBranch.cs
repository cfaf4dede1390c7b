using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models;

/// <summary>The end of a branch of a transformer block: its last layer, dropout, and the residual connection.</summary>
internal static class ResidualBranch
{
    /// <summary>x += dropout(layer(branch)); one product where nothing is dropped.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="branch"><c>[rows, inputs]</c>.</param>
    /// <param name="layer">The last layer.</param>
    /// <param name="x"><c>[rows, outputs]</c>: the residual stream.</param>
    public static void Add(Device device, Tensor branch, PackedMatrix layer, Tensor x)
    {
        if (!Dropout.IsOn(device))
        {
            Gemm.Forward(device, branch, layer, x, new GemmFusion { Residual = x });
            return;
        }

        using var scope = device.Scope();
        var product = device.Rent(x.Rows, x.Columns);
        Gemm.Forward(device, branch, layer, product);
        Dropout.Forward(device, product, x.Reshape(x.Rows, x.Columns), residual: x.Reshape(x.Rows, x.Columns));
    }
}
