using System.Diagnostics;
using AuralSam2.Bench.Parts;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Race;

/// <summary>A part of the model, with its weights and inputs.</summary>
/// <param name="device">Where it is.</param>
/// <param name="part">The part; its owner disposes it.</param>
internal sealed class PartContestant(Device device, Part part) : IContestant
{
    private const int ImageSize = 1024;

    private readonly string? trunk = part.Name.StartsWith("trunk ", StringComparison.Ordinal) ? part.Name["trunk ".Length..] : null;

    public string Name => part.Name;

    public string Shape => $"{ImageSize}x{ImageSize}";

    public bool HasBfloat16 => trunk is not null;

    /// <summary>What the ops declare; of a trunk what the network needs (<see cref="TrunkShape.Gflop"/>).</summary>
    public double Flops { get; private set; }

    public double? Bytes => null;

    public string PeerLoad(string type) => $"part {type} {part.Name}";

    public float[] First()
    {
        using var scope = device.Scope();
        var before = device.DeclaredFlops;
        part.Prepare?.Invoke();
        part.Run();
        device.Synchronize();
        Flops = trunk is null ? device.DeclaredFlops - before : TrunkShape.Of(trunk).Gflop(ImageSize) * 1e9;
        return [.. (part.Outputs?.Invoke() ?? []).SelectMany(output => device.Download(output))];
    }

    public double Run(int count)
    {
        using var scope = device.Scope();
        part.Prepare?.Invoke();
        device.Synchronize();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) Once();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / count;
    }

    private void Once()
    {
        using var scope = device.Scope();
        part.Run();
        device.Synchronize();
    }

    public void Dispose()
    {
        // The part belongs to the model it was cut from.
    }
}
