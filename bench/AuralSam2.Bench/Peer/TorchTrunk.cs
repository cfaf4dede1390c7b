using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using AuralSam2.Bench.Trunk;

namespace AuralSam2.Bench.Peer;

/// <summary>
/// A TorchSharp process that holds the trunk's weights and runs it on command. A process of its own because the MKL fast path is
/// chosen when libtorch loads, and because neither side's memory and threads should disturb the other.
/// </summary>
internal sealed class TorchTrunk : ITrunk
{
    private readonly Process process;

    /// <summary>Starts the process and returns when it is ready to run.</summary>
    public TorchTrunk(TorchInstallation installation, bool mklFastPath, TrunkRace race)
    {
        Name = $"TorchSharp {race.PeerType}, {(mklFastPath ? "MKL fast path" : "as installed")}";
        process = Process.Start(installation.Start(mklFastPath, race))!;
        if (Answer().Split(' ') is not ["ready", var torchSharp, var libtorch]) throw new InvalidOperationException($"{Name} did not start");
        Versions = (torchSharp, libtorch);
    }

    public string Name { get; }

    /// <summary>Versions of TorchSharp and of the libtorch under it.</summary>
    public (string TorchSharp, string Libtorch) Versions { get; }

    public double Run() => double.Parse(Ask("run"), CultureInfo.InvariantCulture);

    public float[] Output()
    {
        var path = Path.GetTempFileName();
        try
        {
            Ask($"output {path}");
            return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray();
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Difference of the last run from a fixture of the official implementation, relative to each map's largest value.</summary>
    public double DifferenceFrom(FileInfo fixture) => double.Parse(Ask($"check {fixture.FullName}"), CultureInfo.InvariantCulture);

    public void Dispose()
    {
        process.StandardInput.Close(); // the peer ends with its input
        process.WaitForExit();
        process.Dispose();
    }

    private string Ask(string command)
    {
        process.StandardInput.WriteLine(command);
        process.StandardInput.Flush();
        return Answer();
    }

    private string Answer() =>
        process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{Name} ended; its own message is above");
}
