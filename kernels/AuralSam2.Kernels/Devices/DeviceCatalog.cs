using AuralSam2.Kernels.Drivers;

namespace AuralSam2.Kernels;

/// <summary>What can compute on this machine: lists it, says why something cannot be used, and opens what was chosen.</summary>
/// <remarks>A device that is asked for by name and cannot be used is an error, never another device.</remarks>
public sealed class DeviceCatalog
{
    private readonly ICudaDriver cuda;
    private readonly IOpenClDriver openCl;

    /// <summary>The devices of this machine. Drivers are looked for when they are asked about.</summary>
    public DeviceCatalog()
        : this(new CudaDriver(), new OpenClDriver())
    {
    }

    /// <summary>Devices behind other drivers.</summary>
    internal DeviceCatalog(ICudaDriver cuda, IOpenClDriver openCl) => (this.cuda, this.openCl) = (cuda, openCl);

    /// <summary>Everything that can be chosen, usable or not: the processor, CUDA GPUs, OpenCL devices, the emulator. Throws nothing.</summary>
    public IReadOnlyList<DeviceListing> List() =>
    [
        new("cpu", DeviceKind.Cpu, CpuIsas.Widest.Title(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, Unusable: null),
        .. Survey(DeviceKind.Cuda),
        .. Survey(DeviceKind.OpenCl),
        new("emulator", DeviceKind.Emulator, "GPU kernels on the processor", MemoryBytes: null, Unusable: null),
    ];

    /// <summary>Opens a device.</summary>
    /// <param name="choice">
    /// One of <see cref="DeviceChoice.Forms"/>; <c>auto</c> takes the first CUDA GPU that opens, or the processor.
    /// </param>
    /// <param name="threads">Threads of the processor; 0 takes one per processor.</param>
    /// <exception cref="FormatException">There is no such choice.</exception>
    /// <exception cref="DeviceException">What was asked for by name cannot be used; the message is one line with the reason.</exception>
    public Device Open(string choice = "auto", int threads = 0) => Open(choice, threads, out _);

    /// <inheritdoc cref="Open(string, int)"/>
    /// <param name="choice">
    /// One of <see cref="DeviceChoice.Forms"/>; <c>auto</c> takes the first CUDA GPU that opens, or the processor.
    /// </param>
    /// <param name="threads">Threads of the processor; 0 takes one per processor.</param>
    /// <param name="note">
    /// What a person should know about the device that was taken, in one line: why <c>auto</c> took no CUDA GPU, or that a device is
    /// experimental. Null when there is nothing to say.
    /// </param>
    public Device Open(string choice, int threads, out string? note)
    {
        note = null;
        var chosen = DeviceChoice.Parse(choice);
        switch (chosen.Kind)
        {
            case DeviceKind.Auto: return FirstUsable(threads, out note);
            case DeviceKind.Cpu: return new CpuDevice(threads);
            case DeviceKind.Emulator: return new EmulatorDevice(chosen.Number);
            case DeviceKind.Cuda:
                Require(chosen);
                return Opened(chosen);
            default:
                Require(chosen);
                note = $"OpenCL is experimental: check its results with aural verify --device {chosen}";
                return Opened(chosen);
        }
    }

    private Device FirstUsable(int threads, out string? note)
    {
        var passedOver = new List<string>();
        foreach (var gpu in Survey(DeviceKind.Cuda))
        {
            if (gpu.Unusable is { } reason)
            {
                passedOver.Add(gpu.Id == "cuda" ? $"no CUDA GPU: {reason}" : $"{gpu.Id} cannot be used: {reason}");
                continue;
            }

            try
            {
                var device = Opened(DeviceChoice.Parse(gpu.Id));
                note = passedOver.Count == 0 ? null : string.Join("; ", passedOver);
                return device;
            }
            catch (DeviceException error)
            {
                passedOver.Add(error.Message);
            }
        }

        note = string.Join("; ", passedOver);
        return new CpuDevice(threads);
    }

    /// <summary>Opens a GPU; whatever a driver throws is a <see cref="DeviceException"/>.</summary>
    private Device Opened(DeviceChoice chosen)
    {
        try
        {
            return chosen.Kind == DeviceKind.Cuda ? cuda.Open(chosen.Number) : openCl.Open(chosen.Number);
        }
        catch (Exception error) when (error is not DeviceException)
        {
            throw new DeviceException($"{chosen} does not open: {error.Message.ReplaceLineEndings("; ")} ({error.GetType().Name})", error);
        }
    }

    private void Require(DeviceChoice chosen)
    {
        var listings = Survey(chosen.Kind);
        var listing = listings.FirstOrDefault(l => l.Id == chosen.ToString()) ?? listings[0];
        if (listing.Id != chosen.ToString() && listing.Id.Contains(':', StringComparison.Ordinal))
            throw new DeviceException($"there is no {chosen}; this machine has {string.Join(", ", listings.Select(l => l.Id))}");
        if (listing.Unusable is { } reason) throw new DeviceException($"{chosen} cannot be used: {reason}");
    }

    /// <summary>Never empty, and throws nothing: a driver that fails in a way that nobody foresaw is a reason too.</summary>
    private IReadOnlyList<DeviceListing> Survey(DeviceKind kind)
    {
        try
        {
            return kind == DeviceKind.Cuda ? CudaSurvey.Of(cuda) : OpenClSurvey.Of(openCl);
        }
        catch (Exception error)
        {
            var (id, name) = kind == DeviceKind.Cuda ? ("cuda", "NVIDIA GPU") : ("opencl", "OpenCL device");
            return [new DeviceListing(id, kind, name, null, $"its driver cannot be asked: {error.Message.ReplaceLineEndings("; ")}")];
        }
    }
}
