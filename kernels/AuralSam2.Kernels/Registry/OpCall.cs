namespace AuralSam2.Kernels.Registry;

/// <summary>
/// A case bound to a device and to operands: the op alone, to be run again and again, and what was prepared for it (packed weights).
/// </summary>
/// <param name="run">Calls the op.</param>
/// <param name="prepared">What binding allocated; disposed with the call.</param>
public sealed class OpCall(Action run, params IDisposable?[] prepared) : IDisposable
{
    /// <summary>Calls the op once; on an accelerator it may still be running when this returns.</summary>
    public void Run() => run();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var item in prepared) item?.Dispose();
    }
}
