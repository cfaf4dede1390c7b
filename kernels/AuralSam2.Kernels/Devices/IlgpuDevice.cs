using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace AuralSam2.Kernels;

/// <summary>
/// A device whose kernels are written in ILGPU. One class for all of them: what differs between a GPU and the emulator is the accelerator and
/// the number of threads in a group.
/// </summary>
/// <remarks>
/// Kernels go to one stream, in order; only downloads and <see cref="Synchronize"/> wait for it. Failures of the accelerator are
/// <see cref="DeviceException"/>s; after one that it does not survive, every call fails with the same message until the device is disposed.
/// </remarks>
public abstract class IlgpuDevice : Device
{
    private readonly Context context;
    private readonly AcceleratorStream stream;
    private readonly CopyEngine copies;
    private readonly KernelLoader kernels;

    /// <summary>Takes over a context and an accelerator; both are disposed with the device.</summary>
    /// <param name="context">ILGPU's context.</param>
    /// <param name="accelerator">The hardware.</param>
    /// <param name="maxGroupSize">Most threads in a group.</param>
    /// <param name="driver">Orders kernels and copies; null takes what the accelerator has.</param>
    private protected IlgpuDevice(Context context, Accelerator accelerator, int maxGroupSize, IStreamDriver? driver = null)
    {
        this.context = context;
        Accelerator = accelerator;
        MaxGroupSize = maxGroupSize;
        Health = new DeviceHealth(this);
        kernels = new KernelLoader(accelerator);
        try
        {
            stream = accelerator.CreateStream();
            if (driver is null && accelerator is CudaAccelerator cuda) driver = new CudaStreams(cuda, (CudaStream)stream, Health);
            copies = driver is null ? new OrderedCopyEngine(this, stream) : new StreamCopyEngine(this, driver);
        }
        catch
        {
            accelerator.Dispose();
            context.Dispose();
            throw;
        }
    }

    /// <summary>Most threads that this device puts into a group: a power of two.</summary>
    public int MaxGroupSize { get; }

    /// <inheritdoc/>
    public override int Parallelism => Accelerator.NumMultiprocessors;

    /// <summary>What ILGPU calls the hardware.</summary>
    internal Accelerator Accelerator { get; }

    /// <summary>What became of the accelerator's calls.</summary>
    internal DeviceHealth Health { get; }

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length) => new IlgpuBuffer(this, length);

    /// <inheritdoc/>
    protected override HostBuffer AllocateHostCore(long length) => copies.AllocateHost(length);

    /// <inheritdoc/>
    protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination)
    {
        if (destination.IsDense)
        {
            copies.Upload(source, View(destination));
            return;
        }

        using var scope = Scope();
        var dense = Rent(destination.Rows, destination.Columns);
        UploadCore(source, dense);
        Copy(dense, destination);
    }

    /// <inheritdoc/>
    protected override void DownloadCore(Tensor source, Span<float> destination)
    {
        if (source.IsDense)
        {
            copies.Download(View(source), destination);
            return;
        }

        using var scope = Scope();
        var dense = Rent(source.Rows, source.Columns);
        Copy(source, dense);
        DownloadCore(dense, destination);
    }

    /// <inheritdoc/>
    protected override void BeginUploadCore(HostBuffer source, Tensor destination)
    {
        if (destination.IsDense)
        {
            copies.BeginUpload(source, Buffer(destination), Part(Buffer(destination).Whole, destination));
            return;
        }

        using var scope = Scope();
        var dense = Rent(destination.Rows, destination.Columns);
        BeginUploadCore(source, dense);
        Copy(dense, destination);
    }

    /// <inheritdoc/>
    protected override void BeginDownloadCore(Tensor source, HostBuffer destination)
    {
        if (source.IsDense)
        {
            copies.BeginDownload(Buffer(source), Part(Buffer(source).Whole, source), destination);
            return;
        }

        using var scope = Scope();
        var dense = Rent(source.Rows, source.Columns);
        Copy(source, dense);
        BeginDownloadCore(dense, destination);
    }

    /// <inheritdoc/>
    protected internal override void CopyCore(Tensor source, Tensor destination) => RowTransferGpu.Copy(this, source, destination);

    /// <inheritdoc/>
    protected internal override void FillCore(Tensor destination, float value) => RowTransferGpu.Fill(this, destination, value);

    /// <inheritdoc/>
    public override void Synchronize()
    {
        Trace?.Synchronize();
        copies.Synchronize();
    }

    /// <summary>What every context of ours has, on a device and where kernels are only compiled.</summary>
    internal static Context.Builder Configure(Context.Builder builder) => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2);

    /// <summary>Threads that a group of this kernel has here.</summary>
    internal int GroupSize(GpuKernel kernel) => Math.Min(kernel.GroupSize, MaxGroupSize);

    /// <summary>A tensor as kernels see it.</summary>
    /// <exception cref="ArgumentException">The tensor lives on another device.</exception>
    internal RowView Rows(Tensor tensor) =>
        tensor.IsEmpty ? default : new RowView(View(tensor), tensor.Rows, tensor.Columns, tensor.RowStride);

    /// <summary>The elements of a tensor, from its first to its last, gaps included, for kernels that are launched next.</summary>
    /// <exception cref="ArgumentException">The tensor lives on another device.</exception>
    internal ArrayView<float> View(Tensor tensor) => Part(Buffer(tensor).Memory, tensor);

    /// <summary>
    /// Runs a kernel. The first launch compiles it; launches of no groups do nothing. This is the one place where work reaches the
    /// accelerator.
    /// </summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="groupSize">Threads in a group: a power of two, at most <see cref="GroupSize"/>.</param>
    /// <param name="sharedFloats">Dynamic shared memory of a group.</param>
    /// <param name="arguments">The kernel's arguments.</param>
    /// <exception cref="DeviceException">The driver refuses the kernel, or the device was lost.</exception>
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
        Trace?.Launch(kernel, groups, groupSize, sharedFloats, arguments);
        var shared = sharedFloats == 0 ? default : SharedMemoryConfig.RequestDynamic<float>(sharedFloats);
        var grid = new KernelConfig(checked((int)groups), groupSize, shared);
        try
        {
            Health.Enter(DeviceCall.Launch);
            kernels.Load(kernel, GroupSize(kernel))(stream, grid, arguments);
            Health.LastKernel = kernel;
            Count.Launches++;
        }
        catch (AcceleratorException error)
        {
            throw Health.Failure(error, refused: kernel);
        }
    }

    /// <summary>Memory for an <see cref="IlgpuBuffer"/>.</summary>
    /// <exception cref="DeviceException">There is not enough of it.</exception>
    internal MemoryBuffer1D<float, Stride1D.Dense> AllocateMemory(long floats)
    {
        try
        {
            Health.Enter(DeviceCall.Allocate);
            return Accelerator.Allocate1D<float>(floats);
        }
        catch (Exception error) when (DeviceHealth.Concerns(error))
        {
            throw Health.Failure(error, floats * sizeof(float));
        }
    }

    /// <summary>Gives back memory of a buffer. Disposing does not throw: what fails here is earlier work, and shows at the next call.</summary>
    internal void Release(MemoryBuffer1D<float, Stride1D.Dense> memory)
    {
        try
        {
            memory.Dispose();
        }
        catch (AcceleratorException error)
        {
            if (!Health.IsLost) _ = Health.Failure(error);
        }
    }

    /// <summary>Kernels launched from now on may use a buffer.</summary>
    internal void Use(IlgpuBuffer buffer) => copies.Use(buffer);

    /// <summary>Bytes of device memory that are free and that there are, where known. Asked when an allocation has failed.</summary>
    internal virtual (long Free, long Total)? Memory()
    {
        if (Accelerator is not CudaAccelerator cuda) return null;
        return CudaAPI.CurrentAPI.GetMemoryInfo(out long free, out long total) == CudaError.CUDA_SUCCESS ? (free, total) : null;
    }

    /// <inheritdoc/>
    protected override void Free()
    {
        try
        {
            if (!Health.IsLost) copies.Synchronize(); // what failed and nobody has seen yet
            if (!Health.IsLost) copies.Dispose();
        }
        catch (DeviceException)
        {
            // Disposing does not throw; the device is lost, and known to be.
        }

        if (Health.IsLost) LostAccelerator.Abandon(Accelerator);
        else Accelerator.Dispose();
        context.Dispose();
    }

    private static ArrayView<float> Part(ArrayView<float> memory, Tensor tensor) =>
        memory.SubView(tensor.Offset, tensor.Length == 0 ? 0 : ((long)(tensor.Rows - 1) * tensor.RowStride) + tensor.Columns);

    private IlgpuBuffer Buffer(Tensor tensor) => tensor.Buffer is IlgpuBuffer buffer && buffer.Device == this
        ? buffer
        : throw new ArgumentException($"tensor {tensor} lives on {tensor.Buffer.Device.Name}, not on {Name}");
}
