using System.Diagnostics;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>
/// The registry in processes whose runtime has been told that the processor is older: instruction sets are chosen as on such a machine, and
/// the narrow kernels run without the fused multiply-add that they would otherwise borrow.
/// </summary>
public sealed class NarrowIsaTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512", CpuIsa.Avx2)]
    [InlineData("DOTNET_EnableAVX2", CpuIsa.Vector128)]
    public void TheRegistryPassesOnAnOlderProcessor(string withoutIt, CpuIsa widest)
    {
        if (CpuIsas.Widest < widest) Assert.Skip($"this processor is narrower than {widest}");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        // Under a bare `dotnet` the assembly is an argument; otherwise the process is the test executable itself.
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(typeof(NarrowIsaTests).Assembly.Location);
        foreach (var argument in new[] { "-noColor", "-class", typeof(OpRegistryTests).FullName! }) start.ArgumentList.Add(argument);
        start.Environment[withoutIt] = "0";
        start.Environment[OpRegistryTests.ExpectedIsa] = widest.ToString();
        using var child = Process.Start(start)!;
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.True(child.ExitCode == 0, output);
        Assert.Matches("Total: [1-9][0-9]{2}", output);
    }
}
