using System.Runtime.InteropServices;

namespace AuralSam2.Kernels;

/// <summary>The host's processor: SIMD kernels on a persistent pool of threads.</summary>
public sealed unsafe class CpuDevice : Device
{
    private readonly nint[] scratch;
    private readonly nuint[] scratchBytes;

    /// <summary>Opens the processor.</summary>
    /// <param name="threads">Threads that share the work; 0 takes one per processor.</param>
    /// <param name="isa">Instruction set; null takes the widest that the processor has.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    /// <exception cref="PlatformNotSupportedException">The processor lacks the instruction set that was asked for.</exception>
    public CpuDevice(int threads = 0, CpuIsa? isa = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Isa = isa ?? CpuIsas.Widest;
        if (Isa > CpuIsas.Widest)
            throw new PlatformNotSupportedException($"this processor has no {Isa.Title()} (its widest is {CpuIsas.Widest.Title()})");
        Pool = new WorkerPool(threads == 0 ? Environment.ProcessorCount : threads);
        scratch = new nint[Pool.Threads];
        scratchBytes = new nuint[Pool.Threads];
    }

    /// <summary>The instruction set that the kernels use.</summary>
    public CpuIsa Isa { get; }

    /// <summary>Threads that share the work.</summary>
    public int Threads => Pool.Threads;

    /// <inheritdoc/>
    public override int Parallelism => Threads;

    /// <inheritdoc/>
    public override int HostThreads => Threads;

    /// <inheritdoc/>
    public override string Name => $"cpu ({Isa.Title()}, {Threads} thread{(Threads == 1 ? "" : "s")})";

    internal WorkerPool Pool { get; }

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length) => new CpuBuffer(this, length);

    /// <inheritdoc/>
    protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination)
    {
        for (var r = 0; r < destination.Rows; r++)
            source.Slice(r * destination.Columns, destination.Columns).CopyTo(Row(destination, r));
    }

    /// <inheritdoc/>
    protected override void DownloadCore(Tensor source, Span<float> destination)
    {
        for (var r = 0; r < source.Rows; r++) Row(source, r).CopyTo(destination.Slice(r * source.Columns, source.Columns));
    }

    /// <inheritdoc/>
    protected internal override void CopyCore(Tensor source, Tensor destination)
    {
        const int rowsEach = 64;
        Pool.For((source.Rows + rowsEach - 1) / rowsEach, (item, _) =>
        {
            for (var r = item * rowsEach; r < Math.Min(source.Rows, (item + 1) * rowsEach); r++) Row(source, r).CopyTo(Row(destination, r));
        });
    }

    /// <inheritdoc/>
    protected internal override void FillCore(Tensor destination, float value)
    {
        const int rowsEach = 64;
        Pool.For((destination.Rows + rowsEach - 1) / rowsEach, (item, _) =>
        {
            for (var r = item * rowsEach; r < Math.Min(destination.Rows, (item + 1) * rowsEach); r++) Row(destination, r).Fill(value);
        });
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <summary>
    /// Private scratch of one worker, at least <paramref name="floats"/> long, on a cache line; contents undefined, reused by every op.
    /// </summary>
    internal float* Scratch(int worker, nint floats)
    {
        var bytes = (nuint)floats * sizeof(float);
        if (scratchBytes[worker] < bytes)
        {
            bytes = (bytes + 0xFFFF) & ~(nuint)0xFFFF;
            NativeMemory.AlignedFree((void*)scratch[worker]);
            (scratch[worker], scratchBytes[worker]) = (0, 0); // should the next line run out of memory
            scratch[worker] = (nint)NativeMemory.AlignedAlloc(bytes, 64);
            scratchBytes[worker] = bytes;
        }

        return (float*)scratch[worker];
    }

    /// <inheritdoc/>
    protected override void Free()
    {
        Pool.Dispose();
        foreach (var address in scratch) NativeMemory.AlignedFree((void*)address);
    }

    private static Span<float> Row(Tensor tensor, int row) => new(tensor.Pointer + ((nint)row * tensor.RowStride), tensor.Columns);
}
