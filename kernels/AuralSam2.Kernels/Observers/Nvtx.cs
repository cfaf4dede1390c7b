using System.Runtime.InteropServices;

namespace AuralSam2.Kernels;

/// <summary>
/// Ranges of NVIDIA's profilers, where their library is installed: Nsight Systems then shows which kernels belong to which op.
/// </summary>
internal sealed unsafe class Nvtx : IDeviceObserver
{
    private static readonly nint PushRange;
    private static readonly nint PopRange;

    private readonly Dictionary<string, nint> names = []; // in UTF-8 and never freed: there are as many as ops and modules

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
    public static Nvtx? Open() => PushRange == 0 ? null : new Nvtx();

    bool IDeviceObserver.NeedsShape => false;

    bool IDeviceObserver.NeedsDeviceTime => false;

    void IDeviceObserver.BeginModule(string path, long timestamp) => Push(path);

    void IDeviceObserver.EndModule(long timestamp) => Pop();

    void IDeviceObserver.BeginOp(in OpInvocation call) => Push(call.Op);

    void IDeviceObserver.EndOp(in OpInvocation call, in OpCost cost) => Pop();

    private void Push(string range)
    {
        if (!names.TryGetValue(range, out var name)) names.Add(range, name = Marshal.StringToCoTaskMemUTF8(range));
        _ = ((delegate* unmanaged<nint, int>)PushRange)(name);
    }

    private static void Pop() => _ = ((delegate* unmanaged<int>)PopRange)();
}
