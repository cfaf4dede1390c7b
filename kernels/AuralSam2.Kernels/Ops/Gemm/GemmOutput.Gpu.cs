using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>What happens to the sums of a product: bias, residual, activation, store, a quad of columns at a time.</summary>
/// <param name="Y"><c>[rows, outputs]</c>.</param>
/// <param name="Residual"><c>[n, outputs]</c>, n dividing rows; no rows when absent. May be y: an element is read by the thread that writes it.</param>
/// <param name="Bias"><c>[outputs]</c>, padded to quads.</param>
/// <param name="Activation">Applied last.</param>
/// <param name="Wide">1 where y and the residual can be reached 128 bits at a time.</param>
/// <param name="LineRows">Rows after which y, and a residual, skip <paramref name="LineGap"/>.</param>
/// <param name="LineGap">Floats between two lines of rows.</param>
internal readonly record struct GemmOutput(
    RowView Y, RowView Residual, ArrayView<Float4> Bias, Activation Activation, int Wide, int LineRows, int LineGap)
{
    public int ColumnQuads => (Y.Columns + 3) / 4;

    /// <summary>Stores four sums; those outside of y are dropped.</summary>
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
            return;
        }

        if (Residual.Rows > 0)
        {
            var source = Element(Residual, row % Residual.Rows, quad);
            sums += new Float4(
                Residual.Data[source],
                quad * 4 + 1 < Y.Columns ? Residual.Data[source + 1] : 0f,
                quad * 4 + 2 < Y.Columns ? Residual.Data[source + 2] : 0f,
                quad * 4 + 3 < Y.Columns ? Residual.Data[source + 3] : 0f);
        }

        sums = Activate(sums);
        Y.Data[target] = sums.X;
        if (quad * 4 + 1 < Y.Columns) Y.Data[target + 1] = sums.Y;
        if (quad * 4 + 2 < Y.Columns) Y.Data[target + 2] = sums.Z;
        if (quad * 4 + 3 < Y.Columns) Y.Data[target + 3] = sums.W;
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
