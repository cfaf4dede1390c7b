namespace AuralSam2.Kernels;

/// <summary>
/// Watches what a device does: profile, trace, ranges of NVIDIA's tools and telemetry are observers, and there is no other seam.
/// Attach one with <see cref="Device.Attach"/>.
/// </summary>
/// <remarks>
/// Calls nest like those of the model and come from the thread that uses the device. Modules contain modules and ops; an op may contain
/// ops: what it hands to another op is part of it, so totals take the outermost alone (<see cref="OpInvocation.Depth"/> 0).
/// </remarks>
public interface IDeviceObserver
{
    /// <summary>True for an observer that reads <see cref="OpInvocation.Shape"/>: where nobody does, no string is built.</summary>
    bool NeedsShape { get; }

    /// <summary>
    /// True for an observer whose durations must be those of the device. The device then finishes each op before the next begins; otherwise
    /// a duration on a GPU is the host's: the time to launch.
    /// </summary>
    bool NeedsDeviceTime { get; }

    /// <summary>A part of a model begins to run.</summary>
    /// <param name="path">Its official name, for example <c>image_encoder.trunk.blocks.3.attn</c>.</param>
    /// <param name="timestamp">Of <see cref="System.Diagnostics.Stopwatch"/>.</param>
    void BeginModule(string path, long timestamp);

    /// <summary>The module that began last ends.</summary>
    /// <param name="timestamp">Of <see cref="System.Diagnostics.Stopwatch"/>.</param>
    void EndModule(long timestamp);

    /// <summary>An op begins.</summary>
    void BeginOp(in OpInvocation call);

    /// <summary>The op that began last ends, also by an error.</summary>
    void EndOp(in OpInvocation call, in OpCost cost);
}

/// <summary>One call of an op, known when it begins.</summary>
/// <param name="Op">Name of the op, for example <c>Gemm</c>; copies are ops too: <c>Upload</c>, <c>Download</c>, <c>Copy</c>.</param>
/// <param name="Shape">Its extents in the op's own terms, for example <c>m 4096 n 256 k 1024</c>; empty where nobody needs it.</param>
/// <param name="Module">Official name of the innermost module that runs; empty outside of any.</param>
/// <param name="Flops">Floating-point operations declared (a multiply-add counts two).</param>
/// <param name="Bytes">Bytes that must be read and written at least once.</param>
/// <param name="Depth">Ops around it: 0 for one that a model calls.</param>
public readonly record struct OpInvocation(string Op, string Shape, string Module, double Flops, double Bytes, int Depth);

/// <summary>What a call took, known when it ends.</summary>
/// <param name="Start">Timestamp of <see cref="System.Diagnostics.Stopwatch"/>.</param>
/// <param name="End">Timestamp; of the device's end where an observer needs device time.</param>
/// <param name="ManagedBytes">Bytes that the calling thread put on the managed heap during the op.</param>
/// <param name="ArenaBytes">Bytes rented from the arena for the op and by it: since the op before it ended.</param>
/// <param name="Allocations">Blocks of device memory allocated for the op and by it. Zero once a shape has been seen.</param>
public readonly record struct OpCost(long Start, long End, long ManagedBytes, long ArenaBytes, long Allocations)
{
    /// <summary>Wall time, in seconds.</summary>
    public double Seconds => System.Diagnostics.Stopwatch.GetElapsedTime(Start, End).TotalSeconds;
}
