using System.Globalization;
using System.Runtime.InteropServices;
using AuralSam2.Cli;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

// The first Ctrl-C asks the work to stop at its next step and clean up after itself; the second does not wait for that step.
using var interrupted = new CancellationTokenSource();
void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    if (!interrupted.IsCancellationRequested)
    {
        interrupted.Cancel();
        return;
    }

    ResultFolder.RemovePartial();
    Environment.Exit(ExitCode.Interrupted);
}

using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return AuralCommand.Run(args, new Engine(), CommandStreams.OfProcess, interrupted.Token);
