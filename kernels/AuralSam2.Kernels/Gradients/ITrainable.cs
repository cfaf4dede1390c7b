namespace AuralSam2.Kernels;

/// <summary>Weights that an op reads in a layout of its own, made from tensors that an optimizer changes.</summary>
public interface ITrainable
{
    /// <summary>Lays the tensors out again, after they have changed.</summary>
    /// <exception cref="InvalidOperationException">The weights are frozen: there are no tensors.</exception>
    void Refresh();
}
