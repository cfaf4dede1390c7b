using System.Numerics;
using AuralSam2.Kernels.Drivers;
using ILGPU;
using ILGPU.Runtime.OpenCL;

namespace AuralSam2.Kernels;

/// <summary>
/// An OpenCL device: the portable kernels, which ILGPU translates to OpenCL C. Experimental: no release is checked on one, so it is never
/// chosen by default. Opened by <see cref="DeviceCatalog.Open(string, int)"/>.
/// </summary>
public sealed class OpenClDevice : IlgpuDevice
{
    /// <summary>Most threads that a kernel asks for.</summary>
    private const int LargestGroup = 256;

    /// <summary>Opens a device that <see cref="OpenClSurvey"/> found usable.</summary>
    /// <param name="hardware">The device.</param>
    /// <param name="number">Its number in the loader's order.</param>
    /// <exception cref="DeviceException">It does not open.</exception>
    internal OpenClDevice(CLDevice hardware, int number)
        : this(Open(hardware, number), number)
    {
    }

    private OpenClDevice((Context Context, CLAccelerator Accelerator) opened, int number)
        : base(opened.Context, opened.Accelerator, GroupLimit(opened.Accelerator.MaxNumThreadsPerGroup)) =>
        Name = $"opencl:{number} ({opened.Accelerator.Name}, {opened.Accelerator.MemorySize >> 30} GiB, experimental)";

    /// <inheritdoc/>
    public override string Name { get; }

    private static int GroupLimit(int threads) => 1 << BitOperations.Log2((uint)Math.Min(threads, LargestGroup));

    private static (Context Context, CLAccelerator Accelerator) Open(CLDevice hardware, int number) =>
        AcceleratorOpening.Open($"opencl:{number}", hardware.CreateCLAccelerator, error => error.Message);
}
