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
/// <param name="Wide">1 where y and residual can be reached 128 bits at a time, else 0.</param>
/// <param name="LineRows">Rows of y, and of the residual, that follow each other at their stride.</param>
/// <param name="LineGap">Floats that are skipped after each such line of rows.</param>
internal readonly record struct GemmOutput(
    RowView Y, RowView Residual, ArrayView<Float4> Bias, Activation Activation, int Wide, int LineRows = 1, int LineGap = 0)
{
    /// <summary>Quads in a row of y; the last one may be ragged.</summary>
    public int ColumnQuads => (Y.Columns + 3) >> 2;

    /// <summary>Finishes and stores four sums; those outside of y are dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int row, int quad, Float4 sums)
    {
        if (row >= Y.Rows || quad >= ColumnQuads) return;
        sums += Bias[quad];
        var target = Element(Y, row, quad);
        if (Wide != 0)
        {
            if (Residual.Rows > 0) sums += Unsafe.As<float, Float4>(ref Residual.Data[Element(Residual, row % Residual.Rows, quad)]);
            Unsafe.As<float, Float4>(ref Y.Data[target]) = Activate(sums);
        }
        else
        {
            if (Residual.Rows > 0) sums += Ragged(Residual, Element(Residual, row % Residual.Rows, quad), quad);
            StoreRagged(target, quad, Activate(sums));
        }
    }

    private static Float4 Ragged(RowView view, long element, int quad)
    {
        var left = view.Columns - (quad * 4);
        return new(
            view.Data[element],
            left > 1 ? view.Data[element + 1] : 0f, left > 2 ? view.Data[element + 2] : 0f, left > 3 ? view.Data[element + 3] : 0f);
    }

    private void StoreRagged(long element, int quad, Float4 values)
    {
        var left = Y.Columns - (quad * 4);
        Y.Data[element] = values.X;
        if (left > 1) Y.Data[element + 1] = values.Y;
        if (left > 2) Y.Data[element + 2] = values.Z;
        if (left > 3) Y.Data[element + 3] = values.W;
    }

    private long Element(RowView view, int row, int quad)
    {
        var element = ((long)row * view.Stride) + (quad * 4);
        return LineGap == 0 ? element : element + ((long)(row / LineRows) * LineGap);
    }

    private Float4 Activate(Float4 v) => Activation == Activation.None
        ? v
        : new(
            SimtMath.Activate(Activation, v.X), SimtMath.Activate(Activation, v.Y),
            SimtMath.Activate(Activation, v.Z), SimtMath.Activate(Activation, v.W));
}
