namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>
/// Devices that a test runs on. An emulator's thread that dies, of a read out of bounds for example, leaves whoever waits for its op waiting
/// for ever: here that is a failure after a minute, and such a device is not disposed, which would wait as well.
/// </summary>
internal sealed class PatientDevices(params IReadOnlyList<Device> devices) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private bool abandoned;

    /// <summary>Runs a test's body on one device after the other.</summary>
    /// <exception cref="TimeoutException">It did not end.</exception>
    public void Each(Action<Device> body)
    {
        foreach (var device in devices)
        {
            try
            {
                Task.Run(() => body(device)).WaitAsync(Patience).GetAwaiter().GetResult();
            }
            catch (TimeoutException)
            {
                abandoned = true;
                throw;
            }
        }
    }

    public void Dispose()
    {
        if (abandoned) return;
        foreach (var device in devices) device.Dispose();
    }
}
