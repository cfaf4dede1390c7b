using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace AuralSam2.Kernels.Simt;

/// <summary>Makes kernels launchable on one accelerator, each once.</summary>
/// <remarks>
/// What a launch costs: on CUDA ILGPU's launcher lays the arguments out on the stack and calls the driver, no managed memory is allocated; the
/// emulator makes one object per launch, for its threads to find the arguments.
/// </remarks>
internal sealed class KernelLoader(Accelerator accelerator)
{
    private readonly Dictionary<GpuKernel, Delegate> launchers = [];
    private readonly KernelCompiler? compiler =
        accelerator is CudaAccelerator cuda ? new KernelCompiler(cuda.Backend, KernelCache.Open()) : null;

    /// <summary>The launcher of a kernel, compiled for groups of at most this many threads.</summary>
    public Action<AcceleratorStream, KernelConfig, TArguments> Load<TArguments>(GpuKernel<TArguments> kernel, int groupSize)
        where TArguments : struct
    {
        if (launchers.TryGetValue(kernel, out var known)) return (Action<AcceleratorStream, KernelConfig, TArguments>)known;
        var launcher = compiler is null
            ? accelerator.LoadKernel(kernel.Body, new KernelSpecialization(groupSize, kernel.ResidentGroups))
            : accelerator.LoadKernel(compiler.Compile(kernel, groupSize))
                .CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TArguments>>();
        launchers.Add(kernel, launcher);
        return launcher;
    }
}
