using System.Runtime.InteropServices;

namespace AuralSam2.Cli;

/// <summary>
/// Ctrl-C and termination. The first asks the work to stop at its next step and clean up after itself; the second does not wait
/// for that step.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    private const string ShowCursor = "\u001b[?25h";

    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public Interrupts() =>
        registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop)];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!source.IsCancellationRequested)
        {
            source.Cancel();
            return;
        }

        ResultFolder.RemoveIncomplete();
        PartialFile.RemoveAll();
        if (!Console.IsErrorRedirected) Console.Error.Write(ShowCursor); // the progress display hides it
        Environment.Exit(ExitCode.Interrupted);
    }
}
