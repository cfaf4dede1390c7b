using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;
using AuralSam2.Models;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>A frame as the image encoder leaves it: what every object shares.</summary>
/// <param name="Features">Stride-16 map <c>[grid * grid, 256]</c>.</param>
/// <param name="Stride4">High-resolution map <c>[4 grid, 4 grid, 32]</c>.</param>
/// <param name="Stride8">High-resolution map <c>[2 grid, 2 grid, 64]</c>.</param>
/// <param name="Sound">Audio prompts; null where nothing is heard.</param>
internal readonly record struct EncodedFrame(Tensor Features, Tensor Stride4, Tensor Stride8, AudioPrompts? Sound);

/// <summary>Encodes frames when they are wanted and keeps a bounded number of them.</summary>
internal abstract class EncodedFrames(FrameImages images) : IDisposable
{
    /// <summary>Where the frames come from; disposed with this.</summary>
    public FrameImages Images => images;

    /// <summary>Waits until a frame, and those that are encoded together with it, are there.</summary>
    /// <returns>False when the video ends before the frame.</returns>
    public abstract ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation);

    /// <summary>A frame, encoded now or before; valid until the next call.</summary>
    /// <param name="frame">Frame number.</param>
    /// <param name="following">The frame that will be wanted after it: it is read meanwhile.</param>
    public abstract EncodedFrame Get(int frame, int following);

    /// <inheritdoc/>
    public virtual void Dispose() => images.Dispose();
}

/// <summary>Frames without sound, one by one; the least recently used makes room.</summary>
internal sealed class SilentFrames(Sam2Network network, Device device, FrameImages images, int capacity) : EncodedFrames(images)
{
    private readonly List<(int Frame, EncodedFrame Maps)> kept = []; // least recently used first

    public override ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation) => Images.ArriveAsync(frame, cancellation);

    public override EncodedFrame Get(int frame, int following)
    {
        var place = kept.FindIndex(k => k.Frame == frame);
        var maps = place >= 0 ? Reuse(place) : Encode(frame, following);
        kept.Add((frame, maps));
        return maps;
    }

    public override void Dispose()
    {
        base.Dispose();
        foreach (var (_, maps) in kept) Free(maps);
        kept.Clear();
    }

    private EncodedFrame Reuse(int place)
    {
        var maps = kept[place].Maps;
        kept.RemoveAt(place);
        return maps;
    }

    private EncodedFrame Encode(int frame, int following)
    {
        var image = Images.Begin(frame, following);
        var maps = kept.Count < Math.Max(1, capacity) ? Allocate() : Reuse(0);
        try
        {
            using var scope = device.Scope();
            var levels = network.ImageEncoder.Forward(image);
            network.MaskDecoder.HighResolution(levels, maps.Stride4, maps.Stride8);
            device.Copy(levels[2].Reshape(maps.Features.Rows, maps.Features.Columns), maps.Features);
            return maps;
        }
        catch
        {
            Free(maps);
            throw;
        }
    }

    private EncodedFrame Allocate()
    {
        var grid = network.Config.Grid;
        var (channels4, channels8) = MaskDecoder.HighResChannels;
        return new EncodedFrame(
            device.AllocateTensor(grid * grid, FpnNeck.Channels), device.AllocateTensor(4 * grid, 4 * grid, channels4),
            device.AllocateTensor(2 * grid, 2 * grid, channels8), Sound: null);
    }

    private static void Free(in EncodedFrame maps)
    {
        foreach (var tensor in (Tensor[])[maps.Features, maps.Stride4, maps.Stride8]) tensor.Buffer.Dispose();
    }
}

/// <summary>Frames with their sound, fused window by window (SPEC 10); the last window is kept.</summary>
internal sealed class HeardFrames(AuralSam2Network network, FrameImages images, Waveform sound, double framesPerSecond, int length)
    : EncodedFrames(images)
{
    private readonly ClipWindow window = new(network, Math.Min(length, images.Count ?? length));
    private readonly AudioExamples examples = new(network.Device, sound);
    private int first = -1;
    private int count;

    public override async ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation)
    {
        if (Holds(frame)) return true;
        await Images.ArriveAsync(frame - (frame % window.Capacity) + window.Capacity - 1, cancellation).ConfigureAwait(false);
        return frame >= 0 && frame < Images.Arrived;
    }

    public override EncodedFrame Get(int frame, int following)
    {
        if (!Holds(frame)) Fill(frame - (frame % window.Capacity));
        var place = frame - first;
        return new EncodedFrame(window.Features(place), window.Stride4(place), window.Stride8(place), window.Prompts(place));
    }

    public override void Dispose()
    {
        base.Dispose();
        window.Dispose();
    }

    private bool Holds(int frame) => first >= 0 && frame >= first && frame < first + count;

    private void Fill(int start)
    {
        var device = network.Device;
        var frames = Math.Min(window.Capacity, Images.Arrived - start);
        first = -1; // until all of it is there
        for (var i = 0; i < frames; i++) window.Encode(i, Images.Begin(start + i, start + i + 1));
        using var scope = device.Scope();
        var heard = device.Rent(frames, 2, LogMel.ExampleFrames, LogMel.Bands);
        device.Upload(examples.Of(start, frames, framesPerSecond), heard);
        window.Fuse(frames, heard, text: default);
        (first, count) = (start, frames);
    }
}
