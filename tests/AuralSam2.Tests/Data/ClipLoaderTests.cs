using AuralSam2.Data;
using AuralSam2.Media;
using AuralSam2.Tests.Media;
using Xunit;

namespace AuralSam2.Tests.Data;

public sealed class ClipLoaderTests : IDisposable
{
    private readonly DatasetFolder data = new();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        data.Dispose();
        folder.Dispose();
    }

    /// <summary>
    /// The whole way of a frame and a label, FNV-1a-64 of what Pillow 9.4 makes of them: <c>mirror</c>, <c>transform(AFFINE)</c> with
    /// torchvision's matrix, <c>resize((40, 40), BILINEAR)</c>, for the last picture <c>convert("L")</c>; labels above 0 become 1.
    /// </summary>
    [Theory]
    [InlineData(false, 0x56462b1f016570ca)]
    [InlineData(true, 0xb5c536d14427a4d0)]
    public void Training_clips_are_prepared_as_Pillow_would(bool grayscale, ulong digest)
    {
        var clip = Load(OneFrame(), ClipPurpose.Training, new ClipAugmentation(true, 17.25, -12.5, grayscale));
        Assert.Equal((40, 40, 40), (clip.Size, clip.Images[0].Width, clip.Images[0].Height));
        Assert.Equal(digest, TestPictures.Digest(clip.Images[0].Pixels));
        Assert.Equal(0xd6d578252b26911d, TestPictures.Digest(clip.Labels[0]));
    }

    [Fact]
    public void Evaluation_clips_are_prepared_as_Pillow_would()
    {
        var clip = Load(OneFrame(), ClipPurpose.Evaluation, ClipAugmentation.None);
        Assert.Equal(0x15cfb700bacba468UL, TestPictures.Digest(clip.Images[0].Pixels));
        Assert.Equal(0x99bb9fdc4b05137c, TestPictures.Digest(clip.Labels[0]));
        Assert.Throws<ArgumentException>(() => Load(OneFrame(), ClipPurpose.Evaluation, ClipAugmentation.None with { Mirror = true }));
    }

    [Fact]
    public void Labels_grow_in_training_and_keep_their_size_in_evaluation()
    {
        data.Avs("v1m", "a", "train").Write();
        var request = ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train).InOrder()[0];
        var training = new ClipLoader(24, ClipPurpose.Training).Load(request);
        var evaluation = new ClipLoader(24, ClipPurpose.Evaluation).Load(request);
        for (var frame = 0; frame < 5; frame++)
        {
            var columns = 2 * (frame + 1); // of 24, twice those of the picture's 12
            Assert.Equal(Enumerable.Range(0, 24).Select(x => (byte)(x < columns ? 1 : 0)), evaluation.Labels[frame]![..24]);
            Assert.Equal(Enumerable.Range(0, 24).Select(x => (byte)(x < columns + 1 ? 1 : 0)), training.Labels[frame]![..24]);
        }
    }

    [Fact]
    public void The_sound_comes_as_it_is_recorded()
    {
        data.Avs("v1m", "a", "train").Write();
        var clip = new ClipLoader(16, ClipPurpose.Training).Load(ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train).InOrder()[0]);
        Assert.Equal((16000, 2, 80000), (clip.Sound.SampleRate, clip.Sound.Channels.Count, clip.Sound.Length));
        Assert.Equal(0.5 * Math.Sin(0.1), clip.Sound.Channels[0][1], 1e-4);
    }

    [Fact]
    public void Frames_without_supervision_have_no_label_and_null_clips_have_empty_ones()
    {
        data.Avs("v1s", "a", "train").Ref("null_v_0_1", "v", 3, "A dog", "train", masks: false).Write();
        var single = new ClipLoader(16, ClipPurpose.Training).Load(ClipDataset.Open(data.Root, DatasetKind.V1s, Split.Train).InOrder()[0]);
        Assert.Equal([false, true, true, true, true], single.Labels.Select(l => l is null));
        var none = new ClipLoader(16, ClipPurpose.Training).Load(ClipDataset.Open(data.Root, DatasetKind.RefAvs, Split.Train).InOrder()[0]);
        Assert.Equal(10, none.Labels.Count);
        Assert.All(none.Labels, l => Assert.Equal(new byte[256], l));
    }

    [Fact]
    public void Every_colour_with_luma_is_foreground_white_included()
    {
        var entry = OneFrame();
        (byte[] Colour, int Foreground)[] cases = [([255, 255, 255], 1), ([128, 0, 0], 1), ([0, 0, 64], 1), ([0, 0, 1], 0), ([0, 0, 0], 0)];
        foreach (var (colour, foreground) in cases)
        {
            PngWriter.WriteRgb(entry.Frames[0].LabelPath!, new RgbImage(2, 1, [.. colour, 0, 0, 0]));
            var label = Load(entry, ClipPurpose.Evaluation, ClipAugmentation.None, 2).Labels[0]!;
            Assert.Equal([foreground, 0, foreground, 0], label.Select(l => (int)l));
        }
    }

    [Fact]
    public void A_broken_file_is_named()
    {
        var entry = OneFrame();
        File.WriteAllBytes(entry.Frames[0].LabelPath!, [1, 2, 3]);
        MediaAssert.Fails(() => Load(entry, ClipPurpose.Training, ClipAugmentation.None), "label.png", "no picture");
        File.Delete(entry.Frames[0].ImagePath);
        MediaAssert.Fails(() => Load(entry, ClipPurpose.Training, ClipAugmentation.None), "frame.png", "no such file");
        entry = OneFrame();
        File.WriteAllBytes(entry.AudioPath, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
        var error = Assert.Throws<MediaException>(() => Load(entry, ClipPurpose.Training, ClipAugmentation.None));
        Assert.Contains("audio.wav", error.Message, StringComparison.Ordinal);
    }

    private static LoadedClip Load(ClipEntry entry, ClipPurpose purpose, ClipAugmentation augmentation, int size = 40) =>
        new ClipLoader(size, purpose).Load(new ClipRequest(entry, augmentation));

    /// <summary>Noise of 64 x 48 pixels, labelled where its luma is above 150.</summary>
    private ClipEntry OneFrame()
    {
        var image = TestPictures.Noise(64, 48);
        PngWriter.WriteRgb(folder["frame.png"], image);
        PngWriter.WriteGray(folder["label.png"], 64, 48, [.. GrayImage.LumaOf(image).Pixels.Select(v => v > 150 ? v : (byte)0)]);
        DatasetFolder.Sound(folder["audio.wav"], 1);
        var frame = new ClipFrame(folder["frame.png"], folder["label.png"], IsSupervised: true);
        return new ClipEntry(0, "one", DatasetKind.V1m, Split.Train, [frame], folder["audio.wav"], Sentence: null, IsNull: false);
    }
}
