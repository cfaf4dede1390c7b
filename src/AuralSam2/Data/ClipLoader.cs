using AuralSam2.Media;

namespace AuralSam2.Data;

/// <summary>What a clip is read for; it decides how pictures and labels are resized.</summary>
public enum ClipPurpose
{
    /// <summary>
    /// Pictures and labels bilinear (SPEC 11). A label is resized as a picture, and whatever is above 0 then is foreground: objects grow by
    /// about a pixel, as in the original.
    /// </summary>
    Training,

    /// <summary>Pictures bicubic, labels nearest (SPEC 12).</summary>
    Evaluation,
}

/// <summary>Reads clips: pictures and labels at the model's square size, and the sound.</summary>
/// <remarks>
/// A label counts by its luma: above 0 is foreground. For clips of v1s the original keeps 255 apart, as padding for frames without a
/// label; here such frames are marked as not supervised, and white is foreground as any other colour. Thread-safe.
/// </remarks>
public sealed class ClipLoader
{
    private readonly int size;
    private readonly ClipPurpose purpose;

    /// <summary>Prepares to read.</summary>
    /// <param name="size">Edge of the model's input in pixels, at least 1.</param>
    /// <param name="purpose">How pictures and labels are resized.</param>
    public ClipLoader(int size, ClipPurpose purpose)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        this.size = size;
        this.purpose = purpose;
    }

    /// <summary>Reads a clip, on the calling thread alone.</summary>
    /// <param name="request">Clip and augmentation.</param>
    /// <param name="cancellation">Looked at between files.</param>
    /// <exception cref="ArgumentException">A clip for evaluation is to be augmented.</exception>
    /// <exception cref="MediaException">A file is missing or damaged; the message names it.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public LoadedClip Load(ClipRequest request, CancellationToken cancellation = default)
    {
        var (clip, augmentation) = request;
        if (purpose == ClipPurpose.Evaluation && augmentation != ClipAugmentation.None)
            throw new ArgumentException("clips are augmented for training only", nameof(request));
        var images = new RgbImage[clip.Frames.Count];
        var labels = new byte[]?[clip.Frames.Count];
        for (var i = 0; i < images.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var frame = clip.Frames[i];
            images[i] = augmentation.Recolor(Resize(augmentation.Warp(ImageReader.Read(frame.ImagePath))));
            if (frame.IsSupervised) labels[i] = Label(frame, augmentation);
        }

        cancellation.ThrowIfCancellationRequested();
        return new LoadedClip(clip, size, images, labels, SoundReader.Read(clip.AudioPath, cancellation));
    }

    private byte[] Label(ClipFrame frame, ClipAugmentation augmentation)
    {
        if (frame.LabelPath is null) return new byte[size * size];
        var luma = augmentation.Warp(GrayImage.LumaOf(ImageReader.Read(frame.LabelPath)));
        var resized = purpose == ClipPurpose.Training
            ? PillowResize.Bilinear(luma, size, size, threads: 1)
            : PillowResize.Nearest(luma, size, size);
        var label = new byte[resized.Pixels.Length];
        for (var i = 0; i < label.Length; i++) label[i] = resized.Pixels[i] > 0 ? (byte)1 : (byte)0;
        return label;
    }

    private RgbImage Resize(RgbImage image) => purpose == ClipPurpose.Training
        ? PillowResize.Bilinear(image, size, size, threads: 1)
        : PillowResize.Bicubic(image, size, size, threads: 1);
}
