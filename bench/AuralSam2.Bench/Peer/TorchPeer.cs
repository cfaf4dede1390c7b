using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace AuralSam2.Bench.Peer;

/// <summary>
/// A TorchSharp process in one configuration; it loads ops and parts of the model, and runs them on command. A process of its own because the
/// MKL fast path is chosen when libtorch loads, and because neither side's memory and threads should disturb the other.
/// </summary>
internal sealed class TorchPeer : IDisposable
{
    private readonly Process process;
    private readonly string configuration;

    /// <summary>Starts the process and returns when it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended at once; what it printed is above.</exception>
    public TorchPeer(TorchInstallation installation, bool mklFastPath, int threads)
    {
        configuration = mklFastPath ? "TorchSharp on the MKL fast path" : "TorchSharp as installed";
        process = Process.Start(installation.Start(mklFastPath, threads))!;
        if (Line().Split(' ') is not ["ready", var torchSharp, var libtorch]) throw new InvalidOperationException($"{configuration} did not start");
        Versions = (torchSharp, libtorch);
    }

    /// <summary>Versions of TorchSharp and of the libtorch under it.</summary>
    public (string TorchSharp, string Libtorch) Versions { get; }

    /// <summary>Begins to load; another process can do the same meanwhile. <see cref="Answer"/> waits for the end.</summary>
    /// <param name="slot">Where it lies from then on; what lay there is freed.</param>
    /// <param name="what"><c>op SPEC</c> or <c>part TYPE NAME</c>.</param>
    public void BeginLoad(string slot, string what) => Send($"load {slot} {what}");

    /// <summary>The answer to the last command.</summary>
    /// <exception cref="PeerException">The peer could not do it.</exception>
    public string Answer() => Line().Split(' ', 2) switch
    {
        ["ok", var result] => result,
        ["error", var message] => throw new PeerException(message),
        [var other, ..] => throw new InvalidOperationException($"{configuration} answered '{other}'"),
        _ => throw new UnreachableException(),
    };

    /// <summary>Runs what lies in a slot so many times, and returns the milliseconds of one run.</summary>
    public double Run(string slot, int count) => double.Parse(Ask($"run {slot} {count}"), CultureInfo.InvariantCulture);

    /// <summary>Peak of the peer's resident memory, in bytes, while it runs what lies in a slot so many times.</summary>
    public long Peak(string slot, int count) => long.Parse(Ask($"peak {slot} {count}"), CultureInfo.InvariantCulture);

    /// <summary>What a first run computes.</summary>
    public float[] Output(string slot)
    {
        var path = Path.GetTempFileName();
        try
        {
            Ask($"output {slot} {path}");
            return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray();
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Difference of the last run of a trunk from a fixture of the official implementation, relative to each map's largest value.</summary>
    public double DifferenceFrom(string slot, FileInfo fixture) =>
        double.Parse(Ask($"check {slot} {fixture.FullName}"), CultureInfo.InvariantCulture);

    /// <summary>Frees a slot.</summary>
    public void Free(string slot) => Ask($"free {slot}");

    public void Dispose()
    {
        process.StandardInput.Close(); // the peer ends with its input
        process.WaitForExit();
        process.Dispose();
    }

    private string Ask(string command)
    {
        Send(command);
        return Answer();
    }

    private void Send(string command)
    {
        process.StandardInput.WriteLine(command);
        process.StandardInput.Flush();
    }

    private string Line() =>
        process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{configuration} ended; its own message is above");
}

/// <summary>The peer has no counterpart of an op or part, or failed at it.</summary>
internal sealed class PeerException(string message) : Exception(message);
