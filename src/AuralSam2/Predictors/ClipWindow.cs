using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>
/// What is kept of the frames that are fused together: the pyramid already brought to what decoder and fuser read, 29 MB a frame at
/// 1024 x 1024 in place of the pyramid's 88.
/// </summary>
internal sealed class ClipWindow : IDisposable
{
    private readonly AuralSam2Network network;
    private readonly Device device;
    private readonly int capacity;
    private readonly Tensor stride4;
    private readonly Tensor stride8;
    private readonly Tensor features;
    private readonly Tensor[] maps = new Tensor[AuralFuser.Levels];
    private readonly Tensor[] audio = new Tensor[AuralFuser.Levels];

    /// <summary>Makes room.</summary>
    /// <param name="network">The model.</param>
    /// <param name="capacity">Frames at most.</param>
    public ClipWindow(AuralSam2Network network, int capacity)
    {
        this.network = network;
        this.capacity = capacity;
        device = network.Device;
        var grid = network.Sam2.Config.Grid;
        var (channels4, channels8) = MaskDecoder.HighResChannels;
        stride4 = device.AllocateTensor(capacity, 4 * grid, 4 * grid, channels4);
        stride8 = device.AllocateTensor(capacity, 2 * grid, 2 * grid, channels8);
        features = device.AllocateTensor(capacity, grid * grid, FpnNeck.Channels);
        for (var level = 0; level < AuralFuser.Levels; level++)
        {
            maps[level] = device.AllocateTensor(capacity, grid * grid, AuralFuser.Channels);
            audio[level] = device.AllocateTensor(network.Fuser.AudioTokens(capacity), AuralFuser.Channels);
        }
    }

    /// <summary>High-resolution map of a frame, <c>[4 grid, 4 grid, 32]</c>.</summary>
    public Tensor Stride4(int frame) => stride4.At(frame);

    /// <summary>High-resolution map of a frame, <c>[2 grid, 2 grid, 64]</c>.</summary>
    public Tensor Stride8(int frame) => stride8.At(frame);

    /// <summary>Stride-16 map of a frame, <c>[grid * grid, 256]</c>.</summary>
    public Tensor Features(int frame) => features.At(frame);

    /// <summary>Audio prompts of a frame, after <see cref="Fuse"/>.</summary>
    public AudioPrompts Prompts(int frame) => new([.. maps.Select(m => m.At(frame))], [.. audio.Select(a => a.At(frame))]);

    /// <summary>A fused level, <c>[frames, grid * grid, 256]</c>, after <see cref="Fuse"/>.</summary>
    public Tensor Maps(int level, int frames) => maps[level].Slice(0, frames);

    /// <summary>Audio tokens of a fused level, <c>[audio tokens, 256]</c>, after <see cref="Fuse"/>.</summary>
    public Tensor Audio(int level, int frames) => audio[level].Slice(0, network.Fuser.AudioTokens(frames));

    /// <summary>Encodes a frame.</summary>
    /// <param name="frame">Place in the window.</param>
    /// <param name="image"><c>[size, size, 3]</c>, normalised.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public void Encode(int frame, Tensor image, CancellationToken cancellation = default)
    {
        using var scope = device.Scope();
        Take(frame, network.Sam2.ImageEncoder.Forward(image, observe: null, cancellation));
    }

    /// <summary>Keeps what is needed of a frame's pyramid.</summary>
    /// <param name="frame">Place in the window.</param>
    /// <param name="levels"><c>[h, w, 256]</c> at strides 4, 8 and 16.</param>
    public void Take(int frame, ReadOnlySpan<Tensor> levels)
    {
        var grid = network.Sam2.Config.Grid;
        network.Sam2.MaskDecoder.HighResolution(levels, Stride4(frame), Stride8(frame));
        for (var level = 0; level < maps.Length; level++)
            network.Fuser.PatchEmbed(level, levels[level], maps[level].At(frame).Reshape(grid, grid, AuralFuser.Channels));
        device.Copy(levels[2].Reshape(grid * grid, FpnNeck.Channels), Features(frame));
    }

    /// <summary>Fuses the first <paramref name="frames"/> frames with their sound.</summary>
    /// <param name="frames">Frames that were encoded.</param>
    /// <param name="examples"><c>[frames, 2, 96, 64]</c>.</param>
    /// <param name="text"><c>[25, 768]</c>, or empty.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <param name="residuals">See <see cref="AuralFuser.Forward"/>.</param>
    /// <param name="fused">See <see cref="AuralFuser.Forward"/>.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public void Fuse(
        int frames, Tensor examples, Tensor text, StageObserver? observe = null, Tensor[]? residuals = null,
        Action<int, Tensor, Tensor>? fused = null, CancellationToken cancellation = default)
    {
        using var scope = device.Scope();
        var tokens = network.Fuser.AudioTokens(frames);
        var running = device.Rent(tokens, AuralFuser.Channels);
        network.Fuser.Listen(examples, text, running, observe);
        Tensor[] used = [.. maps.Select(m => m.Slice(0, frames))], heard = [.. audio.Select(a => a.Slice(0, tokens))];
        network.Fuser.Forward(used, running, heard, residuals ?? [], observe, fused, cancellation);
    }

    /// <summary>Frames at most.</summary>
    public int Capacity => capacity;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in (Tensor[])[stride4, stride8, features, .. maps, .. audio]) tensor.Buffer.Dispose();
    }
}
