using System.Numerics;
using ILGPU;
using ILGPU.Runtime.CPU;

namespace AuralSam2.Kernels;

/// <summary>
/// The GPU kernels on the host's processor, thread by thread, through ILGPU's CPU accelerator: for tests on tiny shapes and for stepping
/// through a kernel in a debugger. Never chosen by default: it is hundreds of times slower than <see cref="CpuDevice"/>.
/// </summary>
/// <remarks>
/// Every thread of a group is a thread of the operating system and every barrier a rendezvous of them. One thread per group, the default,
/// is by far the fastest; larger groups exercise the sharing between threads. The groups of a launch are shared out among multiprocessors,
/// which run side by side; how many there are decides, as on a GPU, how some ops cut their work.
/// </remarks>
public sealed class EmulatorDevice : IlgpuDevice
{
    /// <summary>Largest group: a barrier of more threads takes milliseconds.</summary>
    public const int LargestGroup = 64;

    /// <summary>Opens the emulator.</summary>
    /// <param name="groupSize">Most threads in a group: a power of two, at most <see cref="LargestGroup"/>.</param>
    /// <param name="multiprocessors">Groups that run at a time; 0 takes one per processor, 1 is the simplest to step through.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another group size, or a negative number of multiprocessors.</exception>
    public EmulatorDevice(int groupSize = 1, int multiprocessors = 0)
        : this(Open(groupSize, multiprocessors), groupSize)
    {
    }

    private EmulatorDevice((Context Context, CPUAccelerator Accelerator) opened, int groupSize)
        : base(opened.Context, opened.Accelerator, groupSize)
    {
    }

    /// <inheritdoc/>
    public override string Name => $"emulator (GPU kernels on the CPU, {MaxGroupSize} thread{(MaxGroupSize == 1 ? "" : "s")} per group)";

    /// <summary>An accelerator that runs kernels on the host.</summary>
    internal static (Context Context, CPUAccelerator Accelerator) Open(int groupSize, int multiprocessors)
    {
        if (groupSize is < 1 or > LargestGroup || !BitOperations.IsPow2(groupSize))
            throw new ArgumentOutOfRangeException(nameof(groupSize), groupSize, $"a group has 1, 2, 4, ... {LargestGroup} threads");
        ArgumentOutOfRangeException.ThrowIfNegative(multiprocessors);
        // ILGPU wants at least two threads in a warp; a group may use fewer.
        var hardware = new CPUDevice(
            Math.Max(2, groupSize), numWarpsPerMultiprocessor: 1, multiprocessors == 0 ? Environment.ProcessorCount : multiprocessors);
        var context = Context.Create(builder => Configure(builder).CPU(hardware));
        return (context, context.CreateCPUAccelerator(0));
    }
}
