using AuralSam2.Kernels;
using AuralSam2.Media;

namespace AuralSam2.Predictors;

/// <summary>
/// Pictures on their way to the device. Two of everything, in turn: while the device encodes one frame, the host prepares the next and its
/// copy runs beside the kernels.
/// </summary>
internal sealed class FrameUpload : IDisposable
{
    private readonly Device device;
    private readonly int size;
    private readonly HostBuffer[] prepared;
    private readonly Tensor[] images;
    private int next;

    /// <summary>Makes room.</summary>
    /// <param name="device">Where pictures go.</param>
    /// <param name="size">Edge of the network's input in pixels.</param>
    public FrameUpload(Device device, int size)
    {
        this.device = device;
        this.size = size;
        var length = (long)size * size * ImageNormalizer.Channels;
        prepared = [device.AllocateHost(length), device.AllocateHost(length)];
        images = [device.AllocateTensor(size, size, ImageNormalizer.Channels), device.AllocateTensor(size, size, ImageNormalizer.Channels)];
    }

    /// <summary>Resizes and normalises a picture and begins to copy it.</summary>
    /// <returns><c>[size, size, 3]</c>, for kernels launched from now on; valid until the call after the next.</returns>
    public Tensor Begin(RgbImage picture)
    {
        var (host, image) = (prepared[next], images[next]);
        next = (next + 1) % prepared.Length;
        ImageNormalizer.ToChannelLast(PillowResize.Bicubic(picture, size, size, device.HostThreads), host.Span);
        device.BeginUpload(host, image);
        return image;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var host in prepared) host.Dispose();
        foreach (var image in images) image.Buffer.Dispose();
    }
}
