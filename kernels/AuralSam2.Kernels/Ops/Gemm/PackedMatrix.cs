namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A weight matrix, with its bias, in the layout that a device's matrix product reads fastest. Frozen, it is made once from host values;
/// trainable, it is made from tensors that an optimizer changes, and made anew when asked.
/// </summary>
public abstract class PackedMatrix : ITrainable, IDisposable
{
    private PackedMatrix? transposed;

    /// <summary>Describes a matrix.</summary>
    protected PackedMatrix(int outputs, int inputs)
    {
        Outputs = outputs;
        Inputs = inputs;
    }

    /// <summary>Columns of the result: rows of the weight.</summary>
    public int Outputs { get; }

    /// <summary>Length of the dot products: columns of the weight.</summary>
    public int Inputs { get; }

    /// <summary><c>[outputs, inputs]</c>: the weight as trained; empty when the matrix is frozen.</summary>
    public Tensor Weight { get; protected init; }

    /// <summary><c>[outputs]</c>: the bias as trained; empty when there is none, or the matrix is frozen.</summary>
    public Tensor Bias { get; protected init; }

    /// <summary>The transpose <c>[inputs, outputs]</c> without a bias, which carries gradients back; laid out when first asked for.</summary>
    internal PackedMatrix Transposed => transposed ??= Transpose(into: null);

    /// <inheritdoc/>
    public void Refresh()
    {
        if (Weight.IsEmpty) throw new InvalidOperationException($"a matrix [{Outputs}, {Inputs}] is frozen");
        Repack();
        if (transposed is not null) Transpose(transposed);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        transposed?.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Lays <see cref="Weight"/> and <see cref="Bias"/> out again.</summary>
    protected abstract void Repack();

    /// <summary>Makes the transpose, without a bias, or lays it out again.</summary>
    protected abstract PackedMatrix Transpose(PackedMatrix? into);

    /// <summary>Gives the memory back.</summary>
    protected abstract void Free();
}
