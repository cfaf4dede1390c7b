using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace AuralSam2.Bench.Peer;

/// <summary>
/// The TorchSharp peer, built and made to load. The peer is a project outside the solution (see its project file), built here on
/// demand; everything this class changes lies in that project's output folder.
/// </summary>
internal sealed class TorchInstallation
{
    /// <summary>The one symbol of GLIBCXX_3.4.32 (GCC 13) that libLibTorchSharp.so asks for.</summary>
    private const string LibstdcxxSymbol = "_ZSt21ios_base_library_initv";

    /// <summary>What MKL asks before it takes its fast code paths.</summary>
    private const string MklSymbol = "mkl_serv_intel_cpu_true";

    private readonly string peer;
    private readonly string? libstdcxxStub;
    private readonly string mklStub;

    private TorchInstallation(string folder)
    {
        peer = Path.Combine(folder, "AuralSam2.Bench.Torch.dll");
        mklStub = Path.Combine(folder, "libmkl_fast_path.so");
        StubLibrary.Write(mklStub, MklSymbol, StubLibrary.ReturnOne);
        if (LibstdcxxIsNewEnough()) return;

        // Debian 12 and other systems before GCC 13: TorchSharp would report a missing package reference.
        SymbolVersion.MakeOptional(Path.Combine(folder, "libLibTorchSharp.so"), "GLIBCXX_3.4.32");
        libstdcxxStub = Path.Combine(folder, "libstdcxx_symbol.so");
        StubLibrary.Write(libstdcxxStub, LibstdcxxSymbol, StubLibrary.Return);
    }

    /// <summary>Builds the peer where its sources are newer than its output; the first time downloads libtorch (470 MB on disk).</summary>
    /// <exception cref="PlatformNotSupportedException">The peer exists for Linux on x64 only.</exception>
    /// <exception cref="InvalidOperationException">The build failed; its message is in the exception.</exception>
    public static TorchInstallation Build()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new PlatformNotSupportedException("the TorchSharp peer runs on Linux x64 only");
        var project = Path.Combine(Repository.Root(), "bench", "AuralSam2.Bench.Torch");
        var start = new ProcessStartInfo("dotnet", ["build", project, "-c", "Release", "--nologo", "-v", "quiet", "--disable-build-servers"])
        {
            RedirectStandardOutput = true, // a build server would keep it open
        };
        using var build = Process.Start(start)!;
        var output = build.StandardOutput.ReadToEnd();
        build.WaitForExit();
        if (build.ExitCode != 0) throw new InvalidOperationException($"the TorchSharp peer does not build:\n{output}");
        return new TorchInstallation(Path.Combine(project, "bin", "Release", "net10.0"));
    }

    /// <summary>How to start one peer process.</summary>
    /// <param name="mklFastPath">
    /// MKL takes its fast code paths only on processors that call themselves Intel. With true the peer is told that this is one,
    /// which on AMD makes its matrix products up to twice as fast; with false it runs as its users get it.
    /// </param>
    /// <param name="threads">Threads that it computes with.</param>
    public ProcessStartInfo Start(bool mklFastPath, int threads)
    {
        var start = new ProcessStartInfo("dotnet", [peer, threads.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var preloads = new[] { libstdcxxStub, mklFastPath ? mklStub : null }.OfType<string>();
        if (preloads.Any()) start.Environment["LD_PRELOAD"] = string.Join(':', preloads);
        return start;
    }

    private static bool LibstdcxxIsNewEnough() =>
        NativeLibrary.TryLoad("libstdc++.so.6", out var library) && NativeLibrary.TryGetExport(library, LibstdcxxSymbol, out _);
}
