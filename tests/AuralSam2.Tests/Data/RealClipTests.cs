using AuralSam2.Data;
using AuralSam2.Media;
using AuralSam2.Testing;
using AuralSam2.Tests.Media;
using Xunit;

namespace AuralSam2.Tests.Data;

/// <summary>Real pictures, masks and sounds, arranged as AVSBench; skipped where ../shared is not there.</summary>
public sealed class RealClipTests : IDisposable
{
    private static readonly string[] JudoFrames = ["00000", "00005", "00008", "00013"];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_real_video_and_its_masks_are_read_and_checked()
    {
        Arrange();
        var clip = ClipDataset.Open(folder.Root, DatasetKind.Scenes, Split.Train).InOrder().Single();
        Assert.Equal(JudoFrames, clip.Clip.Frames.Select(f => Path.GetFileNameWithoutExtension(f.ImagePath)));
        var evaluation = new ClipLoader(256, ClipPurpose.Evaluation).Load(clip);
        var training = new ClipLoader(256, ClipPurpose.Training).Load(clip);
        var turned = new ClipRequest(clip.Clip, new ClipAugmentation(true, 20, -10, false));
        var augmented = new ClipLoader(256, ClipPurpose.Training).Load(turned);
        for (var i = 0; i < JudoFrames.Length; i++)
        {
            var mask = GrayImage.LumaOf(ImageReader.Read(clip.Clip.Frames[i].LabelPath!));
            var share = mask.Pixels.Average(p => p > 0 ? 1.0 : 0.0);
            Assert.InRange(share, 0.01, 0.5);
            Assert.Equal(share, Share(evaluation, i), 0.003);
            Assert.InRange(Share(training, i), share, share + 0.03); // labels grow
            Assert.InRange(Share(augmented, i), 0.5 * share, 1.1 * share + 0.03); // some of it may have left the picture
            Assert.Equal(Mean(evaluation.Images[i]), Mean(ImageReader.Read(clip.Clip.Frames[i].ImagePath)), 2.0);
        }

        Assert.Equal(16000, evaluation.Sound.SampleRate);
        Assert.Equal(5, evaluation.Sound.Seconds, 0.2);

        // One of these masks is a pixel narrower than its frame: to be reported, not to be stumbled over.
        var problem = Assert.Single(DatasetCheck.Run(folder.Root, DatasetKind.Scenes).Problems);
        Assert.Equal((DatasetProblemKind.SizeMismatch, "00005.png"), (problem.Kind, Path.GetFileName(problem.Path)));
    }

    [Fact]
    public void Clips_of_v1s_are_read_ahead()
    {
        Arrange();
        var clips = ClipDataset.Open(folder.Root, DatasetKind.V1s, Split.Train);
        Assert.Equal(["bus", "horse", "tabla"], clips.Clips.Select(c => c.Uid));
        var loaded = ClipPrefetcher.Read(new ClipLoader(128, ClipPurpose.Training), clips.Epoch(666, 0)).ToArray();
        Assert.Equal(["bus", "horse", "tabla"], loaded.Select(c => c.Entry.Uid).Order());
        Assert.All(loaded, c => Assert.Equal((5, 5.0), (c.Images.Count, Math.Round(c.Sound.Seconds, 1))));
        Assert.All(loaded, c => Assert.Equal([true, false, false, false, false], c.Labels.Select(l => l is not null)));
    }

    /// <summary>Scenes: a video with four of its masks and some sound. v1s: three clips, their first frame with a mask from elsewhere.</summary>
    private void Arrange()
    {
        var (clips, masks) = (Repository.SharedOrSkip("media", "clips"), Repository.SharedOrSkip("media", "masks"));
        foreach (var frame in JudoFrames)
        {
            Copy(Path.Combine(masks, "images", "judo", frame + ".jpg"), "scenes", "judo", "frames");
            Copy(Path.Combine(masks, "masks", "judo", frame + ".png"), "scenes", "judo", "labels_rgb");
        }

        Copy(Path.Combine(clips, "tabla", "audio.wav"), "scenes", "judo");
        string[] names = ["bus", "horse", "tabla"];
        foreach (var name in names)
        {
            foreach (var frame in Directory.GetFiles(Path.Combine(clips, name, "frames"))) Copy(frame, "v1s", name, "frames");
            Copy(Path.Combine(masks, "masks", "bike", "00000.png"), "v1s", name, "labels_rgb");
            Copy(Path.Combine(clips, name, "audio.wav"), "v1s", name);
        }

        var index = Directory.CreateDirectory(Path.Combine(folder.Root, "AVSBench", "avss_index")).FullName;
        File.WriteAllLines(
            Path.Combine(index, "metadata.csv"), ["uid,split,label", "judo,train,scenes", .. names.Select(name => $"{name},train,v1s")]);
    }

    private void Copy(string file, params string[] below)
    {
        var target = Directory.CreateDirectory(Path.Combine([folder.Root, "AVSBench", .. below])).FullName;
        File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
    }

    private static double Share(LoadedClip clip, int frame) => clip.Labels[frame]!.Average(l => (double)l);

    private static double Mean(RgbImage image) => image.Pixels.Average(p => (double)p);
}
