namespace AuralSam2.Cli.Tests;

/// <summary>What the command leaves alone: ILGPU takes a third of a second to start, and the processor does without.</summary>
public sealed class StartupTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false, "segment", "--demo", "--model", "mini", "--device", "cpu")]
    [InlineData(false, "--help")]
    [InlineData(false, "segment", "--demo", "--device", "tpu")]
    [InlineData(true, "segment", "--demo", "--model", "mini", "--device", "emulator")]
    public void Ilgpu_is_loaded_for_its_own_devices_only(bool loaded, params string[] args)
    {
        var variables = new Dictionary<string, string>
        {
            ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
            [StartupHook.File] = folder["assemblies"],
        };
        using (var command = new RunningCommand(folder.Path, variables, args)) command.End();
        var assemblies = File.ReadAllLines(folder["assemblies"]);
        Assert.Contains("aural", assemblies);
        Assert.Equal(loaded, assemblies.Contains("ILGPU"));
    }
}
