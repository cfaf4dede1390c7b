using System.CommandLine;
using AuralSam2.Kernels;

namespace AuralSam2.Bench;

/// <summary><c>--device</c>, as in the <c>aural</c> command.</summary>
internal static class DeviceOption
{
    public static Option<string> Create() =>
        new("--device") { Description = "cpu, cuda[:n], opencl[:n] or emulator", DefaultValueFactory = _ => "cpu" };

    /// <summary><c>--threads</c>, for the processor alone.</summary>
    public static Option<int> Threads() =>
        new("--threads") { Description = "threads of the processor", DefaultValueFactory = _ => Environment.ProcessorCount };

    /// <summary>Opens what was chosen.</summary>
    /// <param name="choice">Value of the option.</param>
    /// <param name="threads">Threads of the processor; 0 takes one per processor.</param>
    /// <exception cref="DeviceException">It cannot be opened.</exception>
    public static Device Open(string choice, int threads = 0) => new DeviceCatalog().Open(choice, threads);
}
