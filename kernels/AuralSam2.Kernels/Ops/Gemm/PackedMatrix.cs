namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A weight matrix, with its bias, in the layout that a device's matrix product reads fastest. Made once, by <see cref="Gemm.Pack"/>.
/// </summary>
public abstract class PackedMatrix : IDisposable
{
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

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the memory back.</summary>
    protected abstract void Free();
}
