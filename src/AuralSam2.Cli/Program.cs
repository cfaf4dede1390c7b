using System.Globalization;
using AuralSam2.Cli;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
using var interrupts = new Interrupts();
return AuralCommand.Run(args, new Engine(), CommandStreams.OfProcess, interrupts.Token);
