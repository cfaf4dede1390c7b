using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>
/// Follows objects that are shown by points, boxes or masks through a video, with SAM2's memory (SPEC 7); with a model that hears, sound
/// and prompts go into the same decoder (the paper's Table 6).
/// </summary>
/// <remarks>
/// Not thread-safe, as the device serves one caller at a time: a call while another is at work, in any session of this predictor, throws
/// <see cref="InvalidOperationException"/>. Between two frames of a propagation a session may be prompted.
/// </remarks>
public sealed class VideoPredictor
{
    private readonly Sam2Network network;
    private readonly AuralSam2Network? hearing;
    private readonly Device device;
    private readonly VideoOptions options;
    private readonly Turn turn = new("video predictor");

    /// <summary>A predictor that sees.</summary>
    /// <param name="model">SAM2; must outlive the predictor.</param>
    /// <param name="options">How videos are tracked.</param>
    public VideoPredictor(Sam2Model model, VideoOptions? options = null)
        : this(model.Network, null, model.Device, model.Weights, options)
    {
    }

    /// <summary>A predictor that sees, and hears where a video is opened with its sound.</summary>
    /// <param name="model">AuralSAM2 with AVS weights; must outlive the predictor.</param>
    /// <param name="options">How videos are tracked.</param>
    /// <exception cref="ArgumentException">Ref-AVS weights, which need a sentence.</exception>
    public VideoPredictor(AuralSam2Model model, VideoOptions? options = null)
        : this(model.Network.Sam2, model.Network, model.Device, model.Weights, options)
    {
        if (model.Variant == FuserVariant.Ref) throw new ArgumentException($"{model.Weights} are Ref-AVS weights: they need a sentence", nameof(model));
    }

    private VideoPredictor(Sam2Network network, AuralSam2Network? hearing, Device device, string weights, VideoOptions? options)
    {
        (this.network, this.hearing, this.device, Weights) = (network, hearing, device, weights);
        this.options = options ?? new VideoOptions();
        if (this.options.Window < 1) throw new ArgumentException($"a window of {this.options.Window} frames", nameof(options));
        if (this.options.Cleanup is { FillHolesUpTo: < 0 } or { RemoveSprinklesUpTo: < 0 })
            throw new ArgumentException($"an area below 0: {this.options.Cleanup}", nameof(options));
        if (this.options.EncodedFrames < 1) throw new ArgumentException($"{this.options.EncodedFrames} encoded frames", nameof(options));
    }

    /// <summary>Where the weights came from.</summary>
    internal string Weights { get; }

    /// <summary>Opens a clip: its frames may be prompted and tracked in any order.</summary>
    /// <param name="frames">Pictures; read from another thread, ahead of their use, one at a time. Must outlive the session.</param>
    /// <param name="sound">The sound of the whole clip; null tracks without hearing.</param>
    /// <exception cref="ArgumentException">No frames, or sound for a model that does not hear.</exception>
    public VideoSession Open(IFrameSource frames, Waveform? sound = null)
    {
        if (frames.Count == 0) throw new ArgumentException("a clip without frames", nameof(frames));
        RequireHearing(sound);
        return Session(new ClipImages(frames, device, network.Config.ImageSize), frames.FramesPerSecond, sound, options.RememberEveryFrame);
    }

    /// <summary>
    /// Opens a stream: its frames arrive one by one, are tracked once and forwards, and memory stays as it is however many there are.
    /// Prompts for frames that have not arrived yet wait for them; of those that have, the last can be prompted.
    /// </summary>
    /// <param name="frames">Pictures of one size; taken ahead of their use on another thread.</param>
    /// <param name="framesPerSecond">Their rate, above 0.</param>
    /// <param name="sound">The sound of the whole stream; null tracks without hearing.</param>
    /// <exception cref="ArgumentException">A rate that is not above 0, or sound for a model that does not hear.</exception>
    /// <remarks>
    /// SAM2 measures the age of object pointers in lengths of the clip where it has fewer than 16 frames; a stream's length is unknown
    /// and counts as longer.
    /// </remarks>
    public VideoSession Open(IAsyncEnumerable<RgbImage> frames, double framesPerSecond = 1, Waveform? sound = null)
    {
        if (!(framesPerSecond > 0)) throw new ArgumentException($"{framesPerSecond} frames per second", nameof(framesPerSecond));
        RequireHearing(sound);
        var kept = Math.Max(options.EncodedFrames, sound is null ? 1 : 2 * options.Window);
        return Session(new StreamImages(frames, device, network.Config.ImageSize, kept), framesPerSecond, sound, rememberEveryFrame: false);
    }

    /// <summary>A session on frames of any origin; fixtures bring their own.</summary>
    internal VideoSession Session(FrameImages images, double framesPerSecond, Waveform? sound, bool rememberEveryFrame)
    {
        EncodedFrames encoded = sound is null
            ? new SilentFrames(network, device, images, options.EncodedFrames)
            : new HeardFrames(hearing!, images, sound, framesPerSecond, options.Window);
        var retention = rememberEveryFrame ? MemoryRetention.Everything : MemoryRetention.AroundPrompts;
        return new VideoSession(
            network, device, encoded, framesPerSecond, id => new ObjectTrack(id, network, device, options, retention), turn, Weights,
            options.Cleanup);
    }

    private void RequireHearing(Waveform? sound)
    {
        if (sound is null) return;
        if (hearing is null) throw new ArgumentException($"{Weights} are of SAM2 alone, which does not hear", nameof(sound));
        if (sound.Length == 0) throw new ArgumentException("a sound without samples", nameof(sound));
    }
}
