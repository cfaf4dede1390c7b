namespace AuralSam2.Kernels.Drivers;

/// <summary>Which OpenCL devices there are, and why one cannot be used.</summary>
internal static class OpenClSurvey
{
    /// <summary>What ILGPU writes.</summary>
    private static readonly Version LeastLanguage = new(2, 0);

    /// <summary>All devices in the loader's order, or one entry that says why there is none.</summary>
    public static IReadOnlyList<DeviceListing> Of(IOpenClDriver driver)
    {
        if (!driver.Load()) return None("no OpenCL loader found; it comes with a GPU's driver, or as the package ocl-icd-libopencl1");
        if (driver.Platforms() == 0) return None("the OpenCL loader finds no vendor's driver; install the one for this GPU");
        var devices = driver.Devices();
        return devices.Count == 0
            ? None("the OpenCL drivers find no device")
            : [.. devices.Select((device, number) => Of(device, number))];
    }

    private static DeviceListing Of(OpenClHardware device, int number) =>
        new($"opencl:{number}", DeviceKind.OpenCl, $"{device.Name}, {device.Platform}", device.MemoryBytes, Shortcoming(device));

    /// <summary>
    /// What a device lacks. On a processor it is safety: ILGPU 1.5.3 keeps the address of a group's shared memory in a variable of the whole
    /// program, and groups that run at the same time have it at different addresses there.
    /// </summary>
    private static string? Shortcoming(OpenClHardware device) =>
        device.IsProcessor ? "it is the processor, where groups of ILGPU's OpenCL kernels overwrite each other; use --device cpu"
        : device.Language < LeastLanguage ? $"its compiler takes OpenCL C {device.Language}; the kernels need {LeastLanguage}"
        : !device.GenericAddressSpace ? "its driver has no generic address space, which the kernels need; try a newer driver"
        : GroupMemory.Shortage(device.SharedBytes);

    private static DeviceListing[] None(string reason) => [new("opencl", DeviceKind.OpenCl, "OpenCL device", null, reason)];
}
