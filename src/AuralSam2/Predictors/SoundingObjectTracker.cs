using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>
/// Follows the sounding object without a user's prompts (SPEC 10 "Tracking"): one conditioning frame, then every other frame with the
/// memories of it and of the frames before. Sound prompts every frame.
/// </summary>
internal sealed class SoundingObjectTracker : IDisposable
{
    private static readonly SelectionOptions Selection = new() { Multimask = true };

    private readonly Sam2Network sam2;
    private readonly Device device;
    private readonly MemoryBank bank;
    private readonly int frames;

    /// <summary>Starts with an empty memory.</summary>
    /// <param name="network">The model.</param>
    /// <param name="frames">Frames of the whole clip.</param>
    public SoundingObjectTracker(AuralSam2Network network, int frames)
    {
        sam2 = network.Sam2;
        device = network.Device;
        this.frames = frames;
        bank = new MemoryBank(device, sam2.Memory, sam2.Config.Grid * sam2.Config.Grid, frames, sam2.Config.OnlyPastPointers);
    }

    /// <summary>Decodes a frame and remembers it.</summary>
    /// <param name="window">Holds the frame's features and prompts.</param>
    /// <param name="place">The frame's place in the window.</param>
    /// <param name="frame">Frame number in the clip.</param>
    /// <param name="isConditioning">True for the one frame that starts the memory.</param>
    /// <param name="conditioned">Receives <c>[grid * grid, 256]</c>: the features after memory attention.</param>
    /// <returns>Tensors rented in the caller's scope.</returns>
    public SelectedMask Track(ClipWindow window, int place, int frame, bool isConditioning, Tensor conditioned)
    {
        var features = window.Features(place);
        sam2.Condition(features, isConditioning ? null : bank, frame, frames, conditioned);
        var image = device.Rent(conditioned.Rows, conditioned.Columns);
        sam2.PromptEncoder.AddDense(conditioned, mask: default, image);
        var decoded = sam2.MaskDecoder.Forward(
            image, sam2.PromptEncoder.DensePositions, sparse: default, window.Stride4(place), window.Stride8(place), window.Prompts(place));
        var selected = sam2.Heads.Select(decoded, Selection);
        sam2.Remember(features, selected, bank.Add(frame, isConditioning));
        return selected;
    }

    /// <summary>The memory of a frame that was tracked; for fixtures.</summary>
    public MemoryBank.Entry MemoryOf(int frame) => bank.Of(frame);

    /// <inheritdoc/>
    public void Dispose() => bank.Dispose();
}
