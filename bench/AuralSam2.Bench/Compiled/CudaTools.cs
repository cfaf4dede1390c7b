using System.Diagnostics;
using System.Text.RegularExpressions;

namespace AuralSam2.Bench.Compiled;

/// <summary>NVIDIA's assembler and disassembler, which need neither GPU nor driver. <c>tools/fetch-ptxas.sh</c> brings them.</summary>
/// <param name="Ptxas">The assembler.</param>
/// <param name="Cuobjdump">The disassembler beside it, or null.</param>
/// <param name="Release">For example <c>11.8.89</c>: another release hands out registers differently.</param>
internal sealed partial record CudaTools(string Ptxas, string? Cuobjdump, string Release)
{
    /// <summary>Names a ptxas to use instead of the one that would be found.</summary>
    public const string Variable = "AURAL_PTXAS";

    /// <summary>What to say where there is none.</summary>
    public const string NotFound =
        $"no ptxas: neither {Variable} nor PATH names one, and none was fetched; tools/fetch-ptxas.sh fetches it on Debian";

    /// <summary>
    /// The tools that <see cref="Variable"/> names, that tools/fetch-ptxas.sh fetched, or that are on PATH, in this order: what was fetched
    /// for this project is the release that its tables are of.
    /// </summary>
    /// <returns>Null where there are none.</returns>
    /// <exception cref="FileNotFoundException">The variable names no file.</exception>
    public static CudaTools? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return File.Exists(named) ? Of(named) : throw new FileNotFoundException($"{Variable} names {named}: no such file");
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } folder
            ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return path.Split(Path.PathSeparator).Prepend(Path.Combine(cache, "auralsam2", "cuda-tools"))
            .Select(place => Path.Combine(place, "ptxas")).Where(File.Exists).Select(Of).FirstOrDefault();
    }

    /// <summary>Assembles PTX.</summary>
    /// <param name="ptx">The text.</param>
    /// <param name="architecture">For example <c>sm_90</c>.</param>
    /// <param name="cubin">Receives the machine code.</param>
    /// <returns>What ptxas says about registers and memory.</returns>
    /// <exception cref="InvalidOperationException">ptxas refused the text; the message is its own.</exception>
    public string Assemble(string ptx, string architecture, string cubin)
    {
        var source = Path.ChangeExtension(cubin, ".ptx");
        File.WriteAllText(source, ptx);
        return Run(Ptxas, "-v", $"-arch={architecture}", source, "-o", cubin);
    }

    /// <summary>Disassembles machine code.</summary>
    /// <exception cref="InvalidOperationException">There is no cuobjdump, or it failed.</exception>
    public string Disassemble(string cubin) =>
        Run(Cuobjdump ?? throw new InvalidOperationException($"no cuobjdump beside {Ptxas}"), "-sass", cubin);

    private static CudaTools Of(string ptxas)
    {
        var cuobjdump = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(ptxas))!, "cuobjdump");
        var release = VersionNumber().Match(Run(ptxas, "--version")).Groups["release"].Value;
        return new CudaTools(ptxas, File.Exists(cuobjdump) ? cuobjdump : null, release);
    }

    private static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed:\n{output}");
    }

    [GeneratedRegex(@"V(?<release>\d+\.\d+\.\d+)")]
    private static partial Regex VersionNumber();
}
