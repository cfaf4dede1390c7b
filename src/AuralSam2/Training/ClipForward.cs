using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;

namespace AuralSam2.Training;

/// <summary>
/// A clip on its way through the model while it learns: the frozen image encoder first, without a tape; then, recorded, everything that the
/// sound prompts reach. The same modules as inference runs, in its order (SPEC 10).
/// </summary>
internal sealed class ClipForward : IDisposable
{
    private readonly AuralSam2Network network;
    private readonly Device device;
    private readonly Tensor[] pyramid;

    /// <summary>Makes room.</summary>
    /// <param name="network">The model, loaded with parameters that are learned.</param>
    /// <param name="capacity">Frames at most.</param>
    public ClipForward(AuralSam2Network network, int capacity)
    {
        this.network = network;
        device = network.Device;
        Window = new ClipWindow(network, capacity);
        var grid = network.Sam2.Config.Grid;
        pyramid = [.. Enumerable.Range(0, AuralFuser.Levels).Select(l => device.AllocateTensor(capacity, 4 * grid >> l, 4 * grid >> l, FpnNeck.Channels))];
    }

    /// <summary>What is fused, and what the decoder reads.</summary>
    public ClipWindow Window { get; }

    /// <summary>The frame that starts the memory while learning: the middle one (SPEC 10, "Tracking").</summary>
    public static int ConditioningFrame(int frames) => frames / 2;

    /// <summary>A level of a frame's pyramid, <c>[h, w, 256]</c>, to be filled from elsewhere than <see cref="Encode"/>.</summary>
    public Tensor Level(int level, int frame) => pyramid[level].At(frame);

    /// <summary>Encodes a frame; nothing of it is recorded.</summary>
    /// <param name="frame">Place in the clip.</param>
    /// <param name="image"><c>[size, size, 3]</c>, normalised.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public void Encode(int frame, Tensor image, CancellationToken cancellation = default)
    {
        using var scope = device.Scope();
        var levels = network.Sam2.ImageEncoder.Forward(image, observe: null, cancellation);
        for (var level = 0; level < pyramid.Length; level++) device.Copy(levels[level], Level(level, frame));
    }

    /// <summary>Fuses image and sound of all frames. To be recorded while learning.</summary>
    /// <param name="tape">The tape that records, which need not copy the pyramid; or null.</param>
    /// <param name="frames">Frames that were encoded.</param>
    /// <param name="examples"><c>[frames, 2, 96, 64]</c>: log-mel.</param>
    /// <param name="text"><c>[25, 768]</c>, or empty.</param>
    /// <param name="residuals">See <see cref="AuralFuser.Forward"/>; read for Ref weights only.</param>
    /// <param name="fused">See <see cref="AuralFuser.Forward"/>.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public void Fuse(
        Tape? tape, int frames, Tensor examples, Tensor text, Tensor[]? residuals,
        Action<int, Tensor, Tensor>? fused = null, CancellationToken cancellation = default)
    {
        foreach (var level in pyramid) tape?.Hold(level.Buffer);
        for (var t = 0; t < frames; t++) Window.Take(t, [.. Enumerable.Range(0, pyramid.Length).Select(l => Level(l, t))]);
        Window.Fuse(frames, examples, text, observe: null, residuals, fused, cancellation);
    }

    /// <summary>Decodes all frames, the conditioning frame first. After <see cref="Fuse"/>; to be recorded while learning.</summary>
    /// <param name="frames">Frames of the clip.</param>
    /// <param name="conditioning">The frame that starts the memory.</param>
    /// <param name="visit">Sees each frame and its masks, which live until it returns.</param>
    /// <param name="cancellation">Looked at between frames.</param>
    public void Track(int frames, int conditioning, Action<int, SelectedMask> visit, CancellationToken cancellation = default)
    {
        using var tracker = new SoundingObjectTracker(network, frames);
        var grid = network.Sam2.Config.Grid;
        foreach (var t in Enumerable.Range(0, frames).Where(t => t != conditioning).Prepend(conditioning))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = device.Scope();
            var conditioned = device.Rent(grid * grid, FpnNeck.Channels);
            visit(t, tracker.Track(Window, t, t, t == conditioning, conditioned));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Window.Dispose();
        foreach (var level in pyramid) level.Buffer.Dispose();
    }
}
