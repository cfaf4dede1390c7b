using System.Diagnostics;
using AuralSam2.Tests.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary>Ctrl-C, as a signal to the real command in the middle of its work.</summary>
public sealed class InterruptTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("INT", "loading model")]
    [InlineData("INT", "encoding images")]
    [InlineData("INT", "fusing")]
    [InlineData("TERM", "tracking")]
    public void An_interrupted_run_ends_soon_and_leaves_nothing(string signal, string stage)
    {
        Signals.SkipWhereInterruptsAreIgnored();
        using var command = new RunningCommand(folder.Path, [], "segment", "--demo", "--model", "t", "--json");
        command.WaitFor(stage);
        command.Signal(signal);
        var sent = Stopwatch.GetTimestamp();
        command.End().FailsWith(130, "interrupted");
        Assert.True(Stopwatch.GetElapsedTime(sent) < TimeSpan.FromSeconds(20)); // seconds at most; machines under test are busy
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void An_earlier_result_survives()
    {
        Signals.SkipWhereInterruptsAreIgnored();
        Assert.Equal(0, CommandRun.OfProcess(folder.Path, "segment", "--demo", "--model", "mini", "--out", "out").Code);
        var before = Snapshot();
        using var command = new RunningCommand(folder.Path, [], "segment", "--demo", "--model", "t", "--out", "out", "--force");
        command.WaitFor("encoding images");
        command.Signal("INT");
        command.End().FailsWith(130, "interrupted");
        Assert.Equal(["out"], folder.Names);
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void The_second_interrupt_does_not_wait()
    {
        Signals.SkipWhereInterruptsAreIgnored();
        using var command = new RunningCommand(folder.Path, [], "segment", "--demo", "--model", "t");
        command.WaitFor("fusing");
        command.Signal("INT");
        command.Signal("INT");
        var run = command.End();
        Assert.Equal((130, ""), (run.Code, run.Out));
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }

    /// <summary>The work's own end and the second interrupt remove the same folder: neither may end the process under the other.</summary>
    [Fact]
    public void Two_interrupts_leave_nothing_whenever_they_come()
    {
        Signals.SkipWhereInterruptsAreIgnored();
        for (var delay = 0; delay < 48; delay += 8) // milliseconds: an op of this small model, or the removal of a folder
        {
            using var command = new RunningCommand(folder.Path, [], "segment", "--demo", "--model", "mini");
            command.WaitFor("encoding images");
            command.Signal("INT");
            Thread.Sleep(delay);
            command.Signal("INT");
            Assert.Equal(130, command.End().Code);
            Assert.Empty(folder.Names);
        }
    }

    [Fact]
    public void Verify_is_interrupted_too()
    {
        Signals.SkipWhereInterruptsAreIgnored();
        var fixture = Testing.Repository.Golden("e_aural_mini_ref.safetensors");
        using var command = new RunningCommand(folder.Path, [], ["verify", .. Enumerable.Repeat(fixture, 50)]);
        command.WaitFor("verifying");
        command.Signal("INT");
        var run = command.End();
        Assert.Equal(130, run.Code);
        Assert.Contains("aural: interrupted", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_conversion_leaves_nothing(int signals)
    {
        Signals.SkipWhereInterruptsAreIgnored();
        using var weights = new AuralSam2.Tests.Weights.TemporaryFolder();
        var file = weights.Safetensors("l.safetensors", SparseFiles.Parameters("l"));
        using var command = new RunningCommand(folder.Path, [], "convert", file, "out.safetensors");
        command.WaitFor("writing out.safetensors");
        for (var i = 0; i < signals; i++) command.Signal("INT");
        var run = command.End();
        Assert.Equal((130, ""), (run.Code, run.Out));
        if (signals == 1) run.FailsWith(130, "interrupted; no file was written");
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void A_conversion_that_is_killed_spoils_nothing_and_the_next_one_tidies_up()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("no signals here");
        using var weights = new AuralSam2.Tests.Weights.TemporaryFolder();
        var large = weights.Safetensors("l.safetensors", SparseFiles.Parameters("l"));
        var small = weights.Safetensors("mini.safetensors", SparseFiles.Parameters("mini"));
        File.WriteAllText(folder["out.safetensors"], "an earlier file");
        using (var command = new RunningCommand(folder.Path, [], "convert", large, "out.safetensors", "--force"))
        {
            command.WaitFor("writing out.safetensors");
            Assert.True(SpinWait.SpinUntil(() => folder.Names.Length > 1, TimeSpan.FromSeconds(30)));
            command.Signal("KILL");
            Assert.Equal(137, command.End().Code);
        }

        Assert.Equal("an earlier file", File.ReadAllText(folder["out.safetensors"]));
        Assert.Equal(2, folder.Names.Length);
        Assert.Equal(0, CommandRun.OfProcess(folder.Path, "convert", small, "out.safetensors", "--force").Code);
        Assert.Equal(["out.safetensors"], folder.Names);
    }

    private string Snapshot() => string.Join('\n', Directory
        .EnumerateFiles(folder["out"], "*", SearchOption.AllDirectories).Order()
        .Select(f => $"{f} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))}"));
}
