using System.CommandLine;
using AuralSam2.Bench;
using AuralSam2.Bench.Checks;
using AuralSam2.Bench.Clip;
using AuralSam2.Bench.Compiled;
using AuralSam2.Bench.Learning;
using AuralSam2.Bench.Loading;
using AuralSam2.Bench.Objects;
using AuralSam2.Bench.Ops;
using AuralSam2.Bench.Parts;
using AuralSam2.Bench.Race;
using AuralSam2.Bench.Report;
using AuralSam2.Bench.Startup;
using AuralSam2.Kernels;

var root = new RootCommand("Measures AuralSam2.Kernels against TorchSharp on this machine.")
{
    RaceCommand.Create(), RaceCommand.CreateQuick(), RaceCommand.CreateReadme(), OpsCommand.Create(), PartsCommand.Create(), ClipCommand.Create(),
    PeakCommand.Create(), KernelsCommand.Create(), CheckOpsCommand.Create(), ReportCommand.Create(), LoadingCommand.Create(), StartupCommand.Create(),
    ObjectsCommand.Create(), TrainingCommand.Create(),
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
catch (Exception e) when (e is DeviceException or FormatException or InvalidOperationException or NotSupportedException
    or InvalidDataException or IOException)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
