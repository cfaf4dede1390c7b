using System.Diagnostics;
using System.Text.Json;

namespace AuralSam2.Cli.Tests;

/// <summary>
/// The command with a driver library that pretends: it has the functions of NVIDIA's and no GPU. What the real way to the driver does is
/// watched from <c>dlopen</c> to the printed line. Needs a C compiler.
/// </summary>
public sealed class FakeDriverTests : IDisposable
{
    private const string Source =
        """
        #include <stdlib.h>
        #include <string.h>
        static int number(const char *name, int otherwise) { const char *v = getenv(name); return v ? atoi(v) : otherwise; }
        int cuInit(unsigned flags) { return number("FAKE_INIT", 0); }
        int cuDriverGetVersion(int *version) { *version = number("FAKE_VERSION", 12040); return 0; }
        int cuDeviceGetCount(int *count) { *count = number("FAKE_COUNT", 1); return 0; }
        int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
        int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "NVIDIA Pretence", length); return 0; }
        int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 80ull << 30; return 0; }
        int cuDeviceComputeCapability(int *major, int *minor, int device) { *major = 9; *minor = 0; return 0; }
        int cuDeviceGetAttribute(int *value, int attribute, int device)
        { *value = attribute == 8 ? 49152 : attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 10 ? 32 : 1024; return 0; }
        int cuGetErrorName(int result, const char **name) { *name = "CUDA_ERROR_PRETENDED"; return 0; }
        int cuGetErrorString(int result, const char **text) { *text = "only pretended"; return 0; }
        int cuCtxCreate_v2(void **context, unsigned flags, int device) { return number("FAKE_CONTEXT", 999); }
        """;

    private readonly TemporaryFolder folder = new();

    public FakeDriverTests()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("pretends to be a driver of Linux");
        File.WriteAllText(folder["driver.c"], Source);
        try
        {
            string[] arguments = ["-shared", "-fPIC", "-o", folder["libcuda.so.1"], folder["driver.c"]];
            using var compiler = Process.Start("cc", arguments);
            compiler.WaitForExit();
            if (compiler.ExitCode != 0) Assert.Skip("the C compiler fails");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("no C compiler here");
        }
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("cuda:0", true, "the default", "NVIDIA Pretence")]
    [InlineData("cuda", false, "(CUDA_ERROR_PRETENDED 803)", "NVIDIA GPU", "FAKE_INIT=803")]
    [InlineData("cuda", false, "CUDA_VISIBLE_DEVICES is set to '-1'", "NVIDIA GPU", "FAKE_INIT=100", "CUDA_VISIBLE_DEVICES=-1")]
    [InlineData("cuda", false, "sees no GPU", "NVIDIA GPU", "FAKE_COUNT=0")]
    [InlineData("cuda:0", false, "it knows CUDA 11.7, and compute capability 9.0 needs 11.8", "NVIDIA Pretence", "FAKE_VERSION=11070")]
    public void Devices_tell_what_the_driver_tells(string name, bool selectable, string note, string hardware, params string[] variables)
    {
        var run = Run(variables, "devices", "--threads", "1", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        using var json = JsonDocument.Parse(run.Out);
        var device = json.RootElement.GetProperty("devices")[1];
        Assert.Equal((name, hardware), (device.GetProperty("name").GetString(), device.GetProperty("hardware").GetString()));
        Assert.Equal(selectable, device.GetProperty("selectable").GetBoolean());
        Assert.Contains(note, device.GetProperty("note").GetString(), StringComparison.Ordinal);
        if (name == "cuda:0") Assert.Equal(80, device.GetProperty("memory_gib").GetDouble());
    }

    [Theory]
    [InlineData("its memory is full", "FAKE_CONTEXT=2")]
    [InlineData("another process has it for itself", "FAKE_CONTEXT=46")]
    [InlineData("only pretended (CUDA_ERROR_UNKNOWN)", "FAKE_CONTEXT=999")]
    [InlineData("(EntryPointNotFoundException); see whether nvidia-smi works", "FAKE_CONTEXT=0")] // cuCtxSetCurrent is missing
    public void A_gpu_that_does_not_open_is_an_error(string reason, string variable) =>
        Run([variable], "segment", "--demo", "--model", "mini", "--device", "cuda")
            .FailsWith(1, "cuda:0 does not open: ", reason, "use --device cpu");

    /// <summary>To the end: ILGPU's remains of the accelerator must not end the process later.</summary>
    [Fact]
    public void Without_a_choice_the_processor_takes_over_and_says_so()
    {
        var run = Run(["FAKE_CONTEXT=0"], "segment", "--demo", "--model", "mini");
        Assert.Equal(0, run.Code);
        var line = Assert.Single(run.Out.Split('\n'), l => l.StartsWith("device: cpu (", StringComparison.Ordinal));
        Assert.Contains("; cuda:0 does not open: Unable to find an entry point named 'cuCtxSetCurrent'", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gpu_that_is_not_there_is_an_error() =>
        Run([], "segment", "--demo", "--model", "mini", "--device", "cuda:4").FailsWith(1, "there is no cuda:4; this machine has cuda:0");

    private CommandRun Run(string[] variables, params string[] args)
    {
        var environment = variables.Select(v => v.Split('=')).Append(["LD_LIBRARY_PATH", folder.Path]).ToDictionary(v => v[0], v => v[1]);
        using var command = new RunningCommand(folder.Path, environment, args);
        return command.End();
    }
}
