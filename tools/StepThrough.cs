#!/usr/bin/env dotnet
#:project ../kernels/AuralSam2.Kernels/AuralSam2.Kernels.csproj
#:property PublishAot=false

// Runs one small case of one op on the emulator, where a GPU kernel is an ordinary .NET method: set a breakpoint in it and step.
//
//     dotnet run tools/StepThrough.cs                           lists the cases
//     dotnet run tools/StepThrough.cs Gemm "5x7 -> 3"           runs one: op and label, or the beginning of the label
//     dotnet run tools/StepThrough.cs Gemm "5x7 -> 3" 4         with four threads in a group: each is a thread in the debugger
//     dotnet run tools/StepThrough.cs Gemm "5x7 -> 3" 1 --wait  starts when a debugger has attached

using System.Diagnostics;
using System.Globalization;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

var tiny = OpRegistry.Cases.Where(c => c.Tiny).ToArray();
if (args.Length < 2)
{
    foreach (var c in tiny) Console.WriteLine($"{c.Op,-18}{c.Label}");
    return 0;
}

if (tiny.FirstOrDefault(c => c.Op == args[0] && c.Label.StartsWith(args[1], StringComparison.Ordinal)) is not { } chosen)
{
    Console.Error.WriteLine($"no case '{args[0]}' \"{args[1]}\"; without arguments all are listed");
    return 2;
}

if (args.Contains("--wait"))
{
    Console.WriteLine($"waiting for a debugger: attach to process {Environment.ProcessId}");
    while (!Debugger.IsAttached) Thread.Sleep(100);
}

using var device = new EmulatorDevice(args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 1);
var outcome = OpRunner.Check(device, chosen);
Console.WriteLine(outcome);
return outcome.Ok ? 0 : 1;
