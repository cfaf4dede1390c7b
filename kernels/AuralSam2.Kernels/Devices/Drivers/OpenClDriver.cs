using System.Runtime.InteropServices;
using ILGPU.Runtime.OpenCL;

namespace AuralSam2.Kernels.Drivers;

/// <summary>OpenCL on this machine. ILGPU, which describes the devices, is not loaded where there is none.</summary>
internal sealed unsafe class OpenClDriver : IOpenClDriver
{
    private nint library;

    /// <inheritdoc/>
    public bool Load() => library != 0 || DriverLibrary.TryLoadOpenCl(out library);

    /// <inheritdoc/>
    public int Platforms()
    {
        uint count = 0;
        return NativeLibrary.TryGetExport(library, "clGetPlatformIDs", out var f)
            && ((delegate* unmanaged<uint, nint*, uint*, int>)f)(0, null, &count) == 0 ? (int)count : 0;
    }

    /// <inheritdoc/>
    public IReadOnlyList<OpenClHardware> Devices() =>
        [.. Found().Select(d => new OpenClHardware(
            d.Name, d.PlatformName, d.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_CPU), d.MemorySize, d.MaxSharedMemoryPerGroup,
            new Version(d.CLStdVersion.Major, d.CLStdVersion.Minor), d.Capabilities.GenericAddressSpace))];

    /// <inheritdoc/>
    public Device Open(int number) => new OpenClDevice(Found()[number], number);

    private static CLDevice[] Found()
    {
        DriverLibrary.ServeIlgpu();
        return [.. CLDevice.GetDevices(_ => true).OfType<CLDevice>()];
    }
}
