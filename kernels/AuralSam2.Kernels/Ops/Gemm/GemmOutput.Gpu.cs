using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Where the sums of a product go, four columns at a time: bias, residual, activation, store. The thread that reads an element of the
/// residual is the one that writes it in y: they may be one tensor.
/// </summary>
/// <param name="Y"><c>[rows, outputs]</c>.</param>
/// <param name="Residual"><c>[n, outputs]</c>, n dividing rows; no rows when absent.</param>
/// <param name="Bias"><c>[outputs]</c>, padded to quads.</param>
/// <param name="Activation">Applied last.</param>
/// <param name="LineRows">Rows of y, and of the residual, that follow each other at their stride.</param>
/// <param name="LineGap">Floats that are skipped after each such line of rows.</param>
internal readonly record struct GemmOutput(
    QuadView Y, QuadView Residual, ArrayView<Float4> Bias, Activation Activation, int LineRows = 1, int LineGap = 0)
{
    /// <summary>Finishes and stores four sums; those outside of y are dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int row, int quad, Float4 sums)
    {
        if (row >= Y.Rows || quad >= Y.ColumnQuads) return;
        sums += Bias[quad];
        if (Residual.Rows > 0)
        {
            var source = row < Residual.Rows ? row : row % Residual.Rows;
            sums += Residual.Read(Residual.Element(source, quad) + Gap(source), quad);
        }

        Y.Write(Y.Element(row, quad) + Gap(row), quad, sums.Activate(Activation));
    }

    private long Gap(int row) => LineGap == 0 ? 0 : (long)(row / LineRows) * LineGap;
}
