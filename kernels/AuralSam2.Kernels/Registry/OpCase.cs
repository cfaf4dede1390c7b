namespace AuralSam2.Kernels.Registry;

/// <summary>What an op does with an operand of a case.</summary>
public enum OperandRole
{
    /// <summary>Read only; a test fails when it has changed.</summary>
    Input,

    /// <summary>Written only; it starts as NaN, so that an element that was forgotten shows.</summary>
    Output,

    /// <summary>Read and written.</summary>
    InOut,
}

/// <summary>One operand of a case.</summary>
/// <param name="Name">The parameter's name in the contract.</param>
/// <param name="Role">What the op does with it.</param>
/// <param name="Shape">Extents, outermost first.</param>
/// <param name="Scale">Values are uniform in Offset - Scale .. Offset + Scale.</param>
/// <param name="Offset">Centre of the values.</param>
/// <param name="RowGap">Floats between the end of a row and the next: a column slice of a wider tensor.</param>
/// <param name="Constant">A table that is never trained: it has no gradient.</param>
public sealed record Operand(
    string Name, OperandRole Role, int[] Shape, double Scale = 1, double Offset = 0, int RowGap = 0, bool Constant = false);

/// <summary>
/// One entry of the op registry: an op at one shape, with everything needed to test it, to time it and to say what it costs.
/// </summary>
/// <remarks>
/// Operands are handed to <see cref="Bind"/> and <see cref="Reference"/> in the order of <see cref="Operands"/>. Binding packs weights and
/// makes tables, once; the call it returns is the op alone, and it can be run again and again.
/// </remarks>
public sealed record OpCase
{
    /// <summary>Name of the op: the class of its contract.</summary>
    public required string Op { get; init; }

    /// <summary>What this case is about, for example <c>65x97 -> 33, bias, GELU, strided</c>.</summary>
    public required string Label { get; init; }

    /// <summary>All operands.</summary>
    public required Operand[] Operands { get; init; }

    /// <summary>Operations that the op declares for this shape (a multiply-add counts two).</summary>
    public required double Flops { get; init; }

    /// <summary>Bytes that must be read and written at least once.</summary>
    public required double Bytes { get; init; }

    /// <summary>Largest error allowed, relative to the largest magnitude of the reference output.</summary>
    public required double Budget { get; init; }

    /// <summary>Largest error allowed in a gradient, relative to the largest magnitude of that operand's gradient.</summary>
    public double GradientBudget => (10 * Budget) + 4e-6;

    /// <summary>Prepares the op on a device and returns the call.</summary>
    public required Func<Device, Tensor[], OpCall> Bind { get; init; }

    /// <summary>The plain float64 reference: reads inputs, writes outputs, row-major without gaps.</summary>
    public required Action<double[][]> Reference { get; init; }

    /// <summary>Small enough for the emulator, where a barrier costs tens of microseconds; the edges of GPU tiles are among them.</summary>
    public bool Tiny { get; init; }

    /// <summary>A shape of the real model at 1024 x 1024, for benchmarks; too slow for the reference.</summary>
    public bool Real { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Op}: {Label}";
}
