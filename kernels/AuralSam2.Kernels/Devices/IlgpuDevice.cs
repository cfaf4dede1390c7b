using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels;

/// <summary>
/// A device whose kernels are written in ILGPU. One class for all of them: what differs between a GPU and the emulator is the accelerator and
/// the number of threads in a group.
/// </summary>
/// <remarks>All work goes to one stream, in order; only downloads and <see cref="Synchronize"/> wait for it.</remarks>
public abstract class IlgpuDevice : Device
{
    private readonly Context context;
    private readonly Dictionary<GpuKernel, Delegate> launchers = [];

    /// <summary>Takes over a context and an accelerator; both are disposed with the device.</summary>
    private protected IlgpuDevice(Context context, Accelerator accelerator, int maxGroupSize)
    {
        this.context = context;
        Accelerator = accelerator;
        MaxGroupSize = maxGroupSize;
    }

    /// <summary>Most threads that this device puts into a group: a power of two.</summary>
    public int MaxGroupSize { get; }

    /// <summary>What ILGPU calls the hardware.</summary>
    internal Accelerator Accelerator { get; }

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length) => new IlgpuBuffer(this, length);

    /// <inheritdoc/>
    protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination)
    {
        if (destination.IsDense)
        {
            View(destination).CopyFromCPU(Accelerator.DefaultStream, source);
            return;
        }

        using var scope = Scope();
        var dense = Rent(destination.Rows, destination.Columns);
        Upload(source, dense);
        Copy(dense, destination);
    }

    /// <inheritdoc/>
    protected override void DownloadCore(Tensor source, Span<float> destination)
    {
        if (source.IsDense)
        {
            View(source).CopyToCPU(Accelerator.DefaultStream, destination);
            Synchronize();
            return;
        }

        using var scope = Scope();
        var dense = Rent(source.Rows, source.Columns);
        Copy(source, dense);
        Download(dense, destination);
    }

    /// <inheritdoc/>
    protected override void CopyCore(Tensor source, Tensor destination) => RowTransferGpu.Copy(this, source, destination);

    /// <inheritdoc/>
    public override void Fill(Tensor destination, float value) => RowTransferGpu.Fill(this, destination, value);

    /// <inheritdoc/>
    public override void Synchronize() => Accelerator.DefaultStream.Synchronize();

    /// <summary>What every context of ours has, on a device and where kernels are only compiled.</summary>
    internal static Context.Builder Configure(Context.Builder builder) => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2);

    /// <summary>Threads that a group of this kernel has here.</summary>
    internal int GroupSize(GpuKernel kernel) => Math.Min(kernel.GroupSize, MaxGroupSize);

    /// <summary>A tensor as kernels see it.</summary>
    /// <exception cref="ArgumentException">The tensor lives on another device.</exception>
    internal RowView Rows(Tensor tensor) =>
        tensor.IsEmpty ? default : new RowView(View(tensor), tensor.Rows, tensor.Columns, tensor.RowStride);

    /// <summary>The elements of a tensor, from its first to its last, gaps included.</summary>
    /// <exception cref="ArgumentException">The tensor lives on another device.</exception>
    internal ArrayView<float> View(Tensor tensor)
    {
        if (tensor.Buffer is not IlgpuBuffer buffer || buffer.Device != this)
            throw new ArgumentException($"tensor {tensor} lives on {tensor.Buffer.Device.Name}, not on {Name}");
        var extent = tensor.Length == 0 ? 0 : ((long)(tensor.Rows - 1) * tensor.RowStride) + tensor.Columns;
        return buffer.Memory.SubView(tensor.Offset, extent);
    }

    /// <summary>
    /// Runs a kernel. The first launch compiles it; launches of no groups do nothing. This is the one place where work reaches the
    /// accelerator.
    /// </summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="groupSize">Threads in a group: a power of two, at most <see cref="GroupSize"/>.</param>
    /// <param name="sharedFloats">Dynamic shared memory of a group.</param>
    /// <param name="arguments">The kernel's arguments.</param>
    internal void Launch<TArguments>(GpuKernel<TArguments> kernel, long groups, int groupSize, int sharedFloats, in TArguments arguments)
        where TArguments : struct
    {
        if (groupSize > GroupSize(kernel) || !BitOperations.IsPow2(groupSize) || sharedFloats > kernel.MaxSharedFloats)
        {
            var most = $"{GroupSize(kernel)} and {kernel.MaxSharedFloats}";
            throw new ArgumentException(
                $"{kernel}: {groupSize} threads and {sharedFloats} shared floats in a group; it may have {most}");
        }
        if (groups == 0) return;
        if (!launchers.TryGetValue(kernel, out var launcher))
        {
            // The bound on threads lets the compiler hand out registers for exactly that many.
            launcher = Accelerator.LoadKernel(kernel.Body, new KernelSpecialization(GroupSize(kernel), kernel.ResidentGroups));
            launchers.Add(kernel, launcher);
        }

        var shared = sharedFloats == 0 ? default : SharedMemoryConfig.RequestDynamic<float>(sharedFloats);
        ((Action<AcceleratorStream, KernelConfig, TArguments>)launcher)(
            Accelerator.DefaultStream, new KernelConfig(checked((int)groups), groupSize, shared), arguments);
    }

    /// <inheritdoc/>
    protected override void Free()
    {
        Accelerator.Dispose();
        context.Dispose();
    }
}
