using System.CommandLine;
using AuralSam2.Bench;
using AuralSam2.Bench.Clip;
using AuralSam2.Bench.Compiled;
using AuralSam2.Bench.Ops;
using AuralSam2.Bench.Trunk;

var root = new RootCommand("Measures AuralSam2.Kernels against TorchSharp on this machine.")
{
    TrunkCommand.Create(), ClipCommand.Create(), OpsCommand.Create(), PeakCommand.Create(), KernelsCommand.Create(),
};
var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    parsed.Invoke();
    return 2;
}

try
{
    return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is InvalidOperationException or PlatformNotSupportedException or InvalidDataException or IOException)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
