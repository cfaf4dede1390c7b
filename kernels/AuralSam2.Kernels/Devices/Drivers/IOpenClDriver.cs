namespace AuralSam2.Kernels.Drivers;

/// <summary>What is asked of OpenCL before anything is computed; tests put a broken one in its place.</summary>
internal interface IOpenClDriver
{
    /// <summary>Loads the OpenCL loader; false where there is none.</summary>
    bool Load();

    /// <summary>Number of platforms: installed drivers of vendors; 0 too where the loader fails.</summary>
    int Platforms();

    /// <summary>All devices of all platforms, in the loader's order.</summary>
    IReadOnlyList<OpenClHardware> Devices();

    /// <summary>Opens a device that <see cref="OpenClSurvey"/> found usable.</summary>
    /// <exception cref="DeviceException">It does not open after all.</exception>
    Device Open(int number);
}

/// <summary>An OpenCL device as its driver describes it.</summary>
/// <param name="Name">The device's name.</param>
/// <param name="Platform">Whose driver it is.</param>
/// <param name="IsProcessor">Whether it is the host's processor.</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="SharedBytes">Local memory of a work-group.</param>
/// <param name="Language">Version of OpenCL C that its compiler takes.</param>
/// <param name="GenericAddressSpace">Whether a pointer may point into any kind of memory.</param>
internal readonly record struct OpenClHardware(
    string Name, string Platform, bool IsProcessor, long MemoryBytes, long SharedBytes, Version Language, bool GenericAddressSpace);
