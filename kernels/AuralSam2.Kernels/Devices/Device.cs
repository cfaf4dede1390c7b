using System.Runtime.CompilerServices;

namespace AuralSam2.Kernels;

/// <summary>
/// The seam between models and hardware: memory, copies, synchronisation, scratch memory, and where ops report to those who watch.
/// </summary>
/// <remarks>
/// Ops take a device as their first argument and choose its kernel (<c>Ops/&lt;Op&gt;/</c>). A device serves one caller at a time;
/// what runs in parallel runs inside an op.
/// </remarks>
public abstract class Device : IDisposable
{
    private readonly DeviceWatch watch;
    private DeviceCounters counters;

    /// <summary>Makes a device with an empty arena.</summary>
    protected Device()
    {
        Arena = new Arena(this);
        watch = new DeviceWatch(this);
        if (OpTrace.FromEnvironment() is { } trace) Attach(trace);
        if (Nvtx.Open() is { } ranges) Attach(ranges);
    }

    /// <summary>What a person reads in a list of devices, for example <c>cpu (AVX-512, 2 threads)</c>.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// How many workers share an op: threads of a processor, multiprocessors of a GPU. Models cut work into pieces that keep all of them
    /// busy.
    /// </summary>
    public abstract int Parallelism { get; }

    /// <summary>Threads that work on the host beside the device, decoding and resizing pictures for example, should use.</summary>
    public virtual int HostThreads => Environment.ProcessorCount;

    /// <summary>Scratch memory for activations; see <see cref="Arena"/>.</summary>
    public Arena Arena { get; }

    /// <summary>What the device did so far: a reading, to be subtracted from a later one.</summary>
    public DeviceCounters Counters => counters;

    /// <summary>Receives launches and synchronisations while attached; see <see cref="OpTrace"/>.</summary>
    internal OpTrace? Trace => watch.Trace;

    /// <summary>Whether a tape records ops for their gradients: a model learns.</summary>
    public bool IsRecording => Tape is not null;

    /// <summary>Where ops are recorded for their gradients, or null.</summary>
    internal Tape? Tape { get; set; }

    /// <summary>Official name of the module that runs; empty unless somebody watches or a tape records.</summary>
    internal string CurrentModule => watch.Module;

    /// <summary>True when an observer reads the shapes of ops.</summary>
    internal bool NeedsShape => watch.NeedsShape || DeviceTelemetry.SpansAreRead;

    /// <summary>Where the device and its memory count what they do.</summary>
    internal ref DeviceCounters Count => ref counters;

    /// <summary>True once <see cref="Dispose()"/> was called.</summary>
    internal bool IsDisposed { get; private set; }

    /// <summary>Floating-point operations that all ops run so far have declared (a multiply-add counts two).</summary>
    public double DeclaredFlops { get; private set; }

    /// <summary>Allocates memory that lives until the buffer is disposed: weights, and what outlives a frame.</summary>
    public abstract DeviceBuffer Allocate(long length);

    /// <summary>Allocates a dense tensor with memory of its own; dispose <see cref="Tensor.Buffer"/> to free it.</summary>
    public Tensor AllocateTensor(params ReadOnlySpan<int> dims) => Allocate(new Shape(dims).Length).View(dims);

    /// <summary>Copies host values, row-major, into a tensor.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        if (source.Length != destination.Length) throw new ArgumentException($"{source.Length} values for a tensor {destination}");
        if (source.IsEmpty) return;
        counters.Uploads++;
        Tape?.Overwritten(destination);
        using var timing = Time("Upload", 0, 4.0 * source.Length, $"{destination.Shape}");
        UploadCore(source, destination);
    }

    /// <summary>Copies a tensor to the host, row-major, after all work on it is done.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Download(Tensor source, Span<float> destination)
    {
        if (destination.Length != source.Length) throw new ArgumentException($"room for {destination.Length} values of a tensor {source}");
        if (destination.IsEmpty) return;
        counters.Downloads++;
        using var timing = Time("Download", 0, 4.0 * source.Length, $"{source.Shape}");
        DownloadCore(source, destination);
    }

    /// <summary>A tensor's values in an array of their own, row-major, after all work on it is done.</summary>
    public float[] Download(Tensor source)
    {
        var values = new float[source.Length];
        Download(source, values);
        return values;
    }

    /// <summary>Allocates host memory for <see cref="BeginUpload"/> and <see cref="BeginDownload"/>.</summary>
    /// <param name="length">Floats, at least one.</param>
    /// <exception cref="DeviceException">No memory can be page-locked.</exception>
    public HostBuffer AllocateHost(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        return AllocateHostCore(length);
    }

    /// <summary>
    /// Begins to copy the first values of a host buffer, row-major, into a tensor, beside the kernels that run. Kernels launched from now on
    /// see the new values, and the host waits for nothing.
    /// </summary>
    /// <remarks>
    /// The copy waits for earlier kernels that may use the tensor's buffer: those of the time since the last <see cref="Synchronize"/>. To
    /// overlap, give the tensor a buffer of its own (<see cref="AllocateTensor"/>) and use two in turn, frame by frame.
    /// </remarks>
    /// <exception cref="ArgumentException">The buffer is too short or belongs to another device.</exception>
    public void BeginUpload(HostBuffer source, Tensor destination)
    {
        RequireFit(source, destination);
        if (destination.Length == 0) return;
        counters.Uploads++;
        Tape?.Overwritten(destination);
        using var timing = Time("Upload", 0, 4.0 * destination.Length, $"{destination.Shape}");
        BeginUploadCore(source, destination);
    }

    /// <summary>
    /// Begins to copy a tensor, row-major, to the start of a host buffer, after the work on it that is under way. The values are there after
    /// the next <see cref="Synchronize"/>; <see cref="HostBuffer.Span"/> waits for them. Later kernels do not disturb them.
    /// </summary>
    /// <exception cref="ArgumentException">The buffer is too short or belongs to another device.</exception>
    public void BeginDownload(Tensor source, HostBuffer destination)
    {
        RequireFit(destination, source);
        if (source.Length == 0) return;
        counters.Downloads++;
        using var timing = Time("Download", 0, 4.0 * source.Length, $"{source.Shape}");
        BeginDownloadCore(source, destination);
    }

    /// <summary>Copies elements between two tensors of this device; shapes may differ where rows and columns agree.</summary>
    /// <exception cref="ArgumentException">Rows or columns differ.</exception>
    public void Copy(Tensor source, Tensor destination)
    {
        if (source.Rows != destination.Rows || source.Columns != destination.Columns)
            throw new ArgumentException($"copy of {source} to {destination}");
        var record = Recording("Copy", destination, [source]);
        using (Time("Copy", 0, 8.0 * source.Length, $"{source.Shape}")) CopyCore(source, destination);
        record?.Commit(destination, () => Ops.Elementwise.Accumulate(this, record.Gradient(destination), record.Gradient(source)));
    }

    /// <summary>Sets every element.</summary>
    public void Fill(Tensor destination, float value)
    {
        Tape?.Overwritten(destination);
        FillCore(destination, value);
    }

    /// <summary>Returns when all work given to the device is done.</summary>
    public abstract void Synchronize();

    /// <summary>Scratch tensor from the arena, contents undefined; valid until the enclosing <see cref="Arena.Scope"/> ends.</summary>
    public Tensor Rent(params ReadOnlySpan<int> dims)
    {
        var tensor = Arena.Rent(dims);
        Tape?.Overwritten(tensor);
        return tensor;
    }

    /// <summary>Opens a scope: everything rented until it is disposed is given back then.</summary>
    public Arena.Lease Scope() => Arena.Scope();

    /// <summary>From now on an observer sees what this device does.</summary>
    /// <exception cref="InvalidOperationException">It does already.</exception>
    public void Attach(IDeviceObserver observer) => watch.Attach(observer);

    /// <summary>From now on it no longer does; modules and ops that it saw begin it also sees end.</summary>
    public void Detach(IDeviceObserver observer) => watch.Detach(observer);

    /// <summary>Says which part of a model runs until the result is disposed. Free while nobody watches and no tape records.</summary>
    /// <param name="path">
    /// Its official name, for example <c>image_encoder.trunk.blocks.3.attn</c>: a string that exists already, or naming it would not be free.
    /// </param>
    public ModuleScope Module(string path) => watch.IsOn || Tape is not null ? watch.BeginModule(path) : default;

    /// <summary>
    /// Begins the record of an op: null unless a tape is recording and a trainable value reaches one of the inputs. Every op asks, before it
    /// computes: its result is followed by the tape, or no longer is.
    /// </summary>
    /// <param name="op">Name of the op.</param>
    /// <param name="y">What the op writes.</param>
    /// <param name="inputs">What it reads and can have a gradient, weights as well; absent operands may be empty.</param>
    internal TapeRecord? Recording(string op, Tensor y, ReadOnlySpan<Tensor> inputs) => Tape?.Begin(op, y, inputs);

    /// <summary>Begins an op for those who watch; dispose the result when the op is done. Free while nobody does.</summary>
    /// <param name="op">Name of the op.</param>
    /// <param name="flops">Floating-point operations (a multiply-add counts two).</param>
    /// <param name="bytes">Bytes that must be read and written at least once.</param>
    /// <param name="shape">Extents in the op's own terms; see <see cref="OpShape"/>.</param>
    internal OpTiming Time(string op, double flops, double bytes, [InterpolatedStringHandlerArgument("")] OpShape shape)
    {
        DeclaredFlops += flops;
        return watch.IsOn ? watch.BeginOp(op, shape.ToString(), flops, bytes) : default;
    }

    /// <summary>The error for an op without a kernel on this device.</summary>
    internal NotSupportedException Unsupported(string op) => new($"{op} has no kernel for {Name}; use --device cpu");

    /// <summary><see cref="Upload"/> of at least one element, lengths checked.</summary>
    protected abstract void UploadCore(ReadOnlySpan<float> source, Tensor destination);

    /// <summary><see cref="Download(Tensor, Span{float})"/> of at least one element, lengths checked.</summary>
    protected abstract void DownloadCore(Tensor source, Span<float> destination);

    /// <summary><see cref="Copy"/>, rows and columns checked.</summary>
    protected internal abstract void CopyCore(Tensor source, Tensor destination);

    /// <summary><see cref="Fill"/>.</summary>
    protected internal abstract void FillCore(Tensor destination, float value);

    /// <summary><see cref="AllocateHost"/> of at least one float.</summary>
    protected virtual HostBuffer AllocateHostCore(long length) => new PlainHostBuffer(this, length);

    /// <summary><see cref="BeginUpload"/> of at least one element, lengths checked. Unless a device can do better, it copies at once.</summary>
    protected virtual void BeginUploadCore(HostBuffer source, Tensor destination) =>
        UploadCore(source.Span[..checked((int)destination.Length)], destination);

    /// <summary><see cref="BeginDownload"/> of at least one element, lengths checked. Unless a device can do better, it copies at once.</summary>
    protected virtual void BeginDownloadCore(Tensor source, HostBuffer destination) =>
        DownloadCore(source, destination.Span[..checked((int)source.Length)]);

    /// <summary>Called once by <see cref="Dispose()"/>.</summary>
    protected virtual void Free()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (IsDisposed) return;
        IsDisposed = true;
        Arena.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    private void RequireFit(HostBuffer host, Tensor tensor)
    {
        if (host.Device != this) throw new ArgumentException($"host memory of {host.Device.Name} is given to {Name}");
        if (host.Length < tensor.Length) throw new ArgumentException($"{host.Length} floats of host memory for a tensor {tensor}");
    }
}
