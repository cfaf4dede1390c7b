namespace AuralSam2.Cli.Tests;

/// <summary>
/// What the command leaves alone when it opens a device: the processor does without ILGPU. (Later the runtime may look at ILGPU's types, when it
/// compiles an op once more in the background.)
/// </summary>
public sealed class StartupTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false, "--help")]
    [InlineData(false, "verify", "none.safetensors", "--device", "cpu")]
    [InlineData(false, "verify", "none.safetensors", "--device", "tpu")]
    [InlineData(true, "verify", "none.safetensors", "--device", "emulator")]
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
