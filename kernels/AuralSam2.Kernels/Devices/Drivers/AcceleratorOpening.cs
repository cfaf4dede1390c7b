using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels.Drivers;

/// <summary>Opens an accelerator of ILGPU, or says in one line why it does not open.</summary>
internal static class AcceleratorOpening
{
    /// <summary>Opens it with a context of its own.</summary>
    /// <param name="id">What the device is chosen by, for the message.</param>
    /// <param name="create">Makes the accelerator; a <see cref="DeviceException"/> of its own passes through.</param>
    /// <param name="reason">Puts what else it throws into words.</param>
    /// <exception cref="DeviceException">It does not open, or lacks what kernels take for granted.</exception>
    public static (Context Context, TAccelerator Accelerator) Open<TAccelerator>(
        string id, Func<Context, TAccelerator> create, Func<Exception, string> reason)
        where TAccelerator : Accelerator
    {
        var context = Context.Create(builder => IlgpuDevice.Configure(builder));
        TAccelerator? accelerator = null;
        try
        {
            accelerator = create(context);
            if (GroupMemory.Shortage(accelerator.MaxSharedMemoryPerGroup) is { } shortage)
                throw new DeviceException($"{id} cannot be used: {shortage}");
            return (context, accelerator);
        }
        catch (Exception error)
        {
            Abandon(context, accelerator);
            if (error is DeviceException) throw;
            throw new DeviceException($"{id} does not open: {reason(error)}", error);
        }
    }

    /// <summary>
    /// Gives back what was opened. A driver that has failed may fail again: ILGPU calls it for an accelerator that was never complete, too.
    /// The first failure is the one to report.
    /// </summary>
    private static void Abandon(Context context, Accelerator? accelerator)
    {
        try
        {
            accelerator?.Dispose();
            context.Dispose();
        }
        catch (Exception)
        {
            // Told by the first failure.
        }
    }
}
