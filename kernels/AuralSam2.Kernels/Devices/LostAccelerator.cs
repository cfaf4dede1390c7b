using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Util;

namespace AuralSam2.Kernels;

/// <summary>
/// Gives back what an accelerator holds whose driver answers every call with an error. ILGPU's own way throws at the first object that cannot
/// be freed; finalizers of the others would then throw too, which ends the process.
/// </summary>
internal static class LostAccelerator
{
    /// <summary>Frees what can be freed and keeps ILGPU away from the rest. Never throws for what the driver says.</summary>
    public static void Abandon(Accelerator accelerator)
    {
        GC.SuppressFinalize(accelerator);
        try
        {
            DisposeDriver(accelerator, disposing: false); // as finalizers do it: errors are ignored, the context is destroyed
        }
        catch (AcceleratorException)
        {
            // The driver does not even bind the context, without which ILGPU does not begin.
            if (accelerator is CudaAccelerator) _ = CudaAPI.CurrentAPI.DestroyContext(accelerator.NativePtr);
            MarkDisposed(accelerator); // its objects then ask nothing of it
            SetCurrent(null!, null); // nor does the next accelerator of this thread
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "DisposeDriver")]
    private static extern void DisposeDriver(DisposeBase target, bool disposing);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "MarkDisposed_Unsafe")]
    private static extern bool MarkDisposed(DisposeBase target);

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "set_Current")]
    private static extern void SetCurrent(Accelerator type, Accelerator? value);
}
