using System.Runtime.InteropServices;

namespace AuralSam2.Kernels;

/// <summary>Named ranges on the time line of a profiler.</summary>
internal interface IOpRanges
{
    /// <summary>Opens a range inside the one that is open.</summary>
    void Push(string op);

    /// <summary>Closes the range that was opened last.</summary>
    void Pop();
}

/// <summary>
/// Ranges of NVIDIA's profilers, where their library is installed: Nsight Systems then shows which kernels belong to which op.
/// </summary>
internal sealed unsafe class Nvtx : IOpRanges
{
    private static readonly nint PushRange;
    private static readonly nint PopRange;

    private readonly Dictionary<string, nint> names = []; // in UTF-8 and never freed: there are as many as ops

    static Nvtx()
    {
        var library = OperatingSystem.IsWindows() ? "nvToolsExt64_1.dll" : "libnvToolsExt.so.1";
        if (!NativeLibrary.TryLoad(library, out var handle)) return;
        if (NativeLibrary.TryGetExport(handle, "nvtxRangePushA", out var push) &&
            NativeLibrary.TryGetExport(handle, "nvtxRangePop", out var pop))
            (PushRange, PopRange) = (push, pop);
    }

    private Nvtx()
    {
    }

    /// <summary>Ranges for one device; null where the library is not installed.</summary>
    public static IOpRanges? Open() => PushRange == 0 ? null : new Nvtx();

    public void Push(string op)
    {
        if (!names.TryGetValue(op, out var name)) names.Add(op, name = Marshal.StringToCoTaskMemUTF8(op));
        _ = ((delegate* unmanaged<nint, int>)PushRange)(name);
    }

    public void Pop() => _ = ((delegate* unmanaged<int>)PopRange)();
}
