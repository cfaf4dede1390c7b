using AuralSam2.Data;
using AuralSam2.Media;
using AuralSam2.Tests.Media;
using Xunit;

namespace AuralSam2.Tests.Data;

public sealed class DatasetCheckTests : IDisposable
{
    private readonly DatasetFolder data = new();

    public void Dispose() => data.Dispose();

    [Fact]
    public void A_whole_dataset_has_no_problems()
    {
        data.Avs("v1s", "a", "train", labels: 1).Avs("v1s", "b", "test").Avs("v1m", "c", "val").Avs("v2", "d", "train", 10, 10)
            .Avs("scenes", "e", "test", 3, 3)
            .Ref("v_0_1", "v", 1, "A drum", "train").Ref("v_0_2", "v", 2, "A horn", "test_u")
            .Ref("v_0_3", "v", 9, "A dog", "test_n", masks: false).Write();
        (DatasetKind, int)[] expected =
            [(DatasetKind.V1s, 2), (DatasetKind.V1m, 1), (DatasetKind.V2, 4), (DatasetKind.Scenes, 1), (DatasetKind.RefAvs, 3)];
        foreach (var (kind, clips) in expected)
        {
            var report = DatasetCheck.Run(data.Root, kind);
            Assert.Empty(report.Problems);
            Assert.True(report.IsSound);
            Assert.Equal((clips, kind), (report.Clips.Count, report.Kind));
        }
    }

    /// <summary>Each breaks one thing of clip <c>bad</c>; nothing else may be reported.</summary>
    [Theory]
    [InlineData(DatasetProblemKind.Missing, "frames", "no such folder")]
    [InlineData(DatasetProblemKind.Missing, "labels_rgb", "holds no pictures")]
    [InlineData(DatasetProblemKind.Missing, "audio.wav", "no such file")]
    [InlineData(DatasetProblemKind.Unreadable, "frames/bad_3.png", "no picture")]
    [InlineData(DatasetProblemKind.Unreadable, "labels_rgb/bad_2.png", "cut off")]
    [InlineData(DatasetProblemKind.Unreadable, "audio.wav", "cut off")]
    [InlineData(DatasetProblemKind.CountMismatch, "labels_rgb", "4 labels for 5 frames")]
    [InlineData(DatasetProblemKind.CountMismatch, "frames", "6 frames, clips of v1m have 5")]
    [InlineData(DatasetProblemKind.SizeMismatch, "labels_rgb/bad_1.png", "7 x 5 pixels, the first frame has 12 x 8")]
    [InlineData(DatasetProblemKind.SoundTooShort, "audio.wav", "2.50 s of sound for 5 frames")]
    public void What_is_broken_is_said_of_that_clip_alone(DatasetProblemKind kind, string path, string words)
    {
        var frames = words.StartsWith('6') ? 6 : 5;
        data.Avs("v1m", "good", "train").Avs("v1m", "bad", "train", frames, frames).Write();
        var file = Path.Combine(data.AvsClip("v1m", "bad"), path);
        Break(file, words);
        var report = DatasetCheck.Run(data.Root, DatasetKind.V1m);
        Assert.False(report.IsSound);
        Assert.Empty(report.TableProblems);
        Assert.Empty(report.Clips.Single(c => c.Clip.Uid == "good").Problems);
        var problem = Assert.Single(report.Clips.Single(c => c.Clip.Uid == "bad").Problems);
        Assert.Equal((kind, "bad", file), (problem.Kind, problem.Uid, problem.Path));
        Assert.Contains(words, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(file, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_problems_of_a_clip_are_all_listed()
    {
        data.Avs("v1m", "a", "train").Avs("v1m", "b", "test", labels: 3).Write();
        File.Delete(Path.Combine(data.AvsClip("v1m", "b"), "audio.wav"));
        File.WriteAllText(Path.Combine(data.AvsClip("v1m", "b"), "frames", "b_4.png"), "text");
        var report = DatasetCheck.Run(data.Root, DatasetKind.V1m);
        DatasetProblemKind[] expected = [DatasetProblemKind.CountMismatch, DatasetProblemKind.Missing, DatasetProblemKind.Unreadable];
        Assert.Equal(expected, report.Clips[1].Problems.Select(p => p.Kind));
        Assert.Equal(3, report.Problems.Count());
    }

    [Fact]
    public void Damage_within_a_picture_is_found_by_decoding()
    {
        data.Avs("v1m", "a", "train").Write();
        var path = Path.Combine(data.AvsClip("v1m", "a"), "frames", "a_2.png");
        PngWriter.WriteRgb(path, TestPictures.Noise(DatasetFolder.Width, DatasetFolder.Height));
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(45, 60).Clear(); // in the middle of the packed pixels
        File.WriteAllBytes(path, bytes);
        Assert.Equal(path, Assert.Single(DatasetCheck.Run(data.Root, DatasetKind.V1m).Problems).Path);
        Assert.Empty(DatasetCheck.Run(data.Root, DatasetKind.V1m, decode: false).Problems);
    }

    [Fact]
    public void Problems_of_the_table_come_first()
    {
        data.Avs("v1m", "a", "train").AvsRow("x,b,0,learn,v1m").AvsRow("x,c,0,train,v9").AvsRow("x,d,0")
            .AvsRow("x,a,0,test,v1m").AvsRow("x,..,0,test,v1m").Write();
        var report = DatasetCheck.Run(data.Root, DatasetKind.V1m);
        Assert.Equal(
            [
                (DatasetProblemKind.BadRow, ""), (DatasetProblemKind.UnknownValue, "b"), (DatasetProblemKind.UnknownValue, "c"),
                (DatasetProblemKind.DuplicateClip, "a"), (DatasetProblemKind.BadRow, ".."),
            ],
            report.TableProblems.Select(p => (p.Kind, p.Uid)));
        Assert.Empty(Assert.Single(report.Clips).Problems);
    }

    [Fact]
    public void A_table_that_cannot_be_read_is_a_problem_and_no_exception()
    {
        var missing = Assert.Single(DatasetCheck.Run(data.Root, DatasetKind.V1m).Problems);
        Assert.Equal((DatasetProblemKind.Missing, data.AvsTable), (missing.Kind, missing.Path));
        data.Write();
        File.WriteAllText(data.AvsTable, "uid,split\na,train\n");
        var columns = Assert.Single(DatasetCheck.Run(data.Root, DatasetKind.V1m).Problems);
        Assert.Equal(DatasetProblemKind.BadRow, columns.Kind);
        Assert.Contains("no column label", columns.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_is_told_and_cancellation_ends_it()
    {
        data.Avs("v1m", "a", "train").Avs("v1m", "b", "train").Write();
        var shares = new Shares();
        DatasetCheck.Run(data.Root, DatasetKind.V1m, progress: shares);
        Assert.Equal([0.5, 1], shares.Values.Order());
        Assert.ThrowsAny<OperationCanceledException>(
            () => DatasetCheck.Run(data.Root, DatasetKind.V1m, cancellation: new CancellationToken(canceled: true)));
    }

    private static void Break(string path, string words)
    {
        switch (words)
        {
            case "no such folder": Directory.Delete(path, recursive: true); break;
            case "holds no pictures":
                foreach (var file in Directory.GetFiles(path)) File.Delete(file);
                break;
            case "no such file": File.Delete(path); break;
            case "no picture": File.WriteAllText(path, "this is no picture"); break;
            case "cut off": File.WriteAllBytes(path, File.ReadAllBytes(path)[..^30]); break;
            case "4 labels for 5 frames": File.Delete(Path.Combine(path, "bad_4.png")); break;
            case "7 x 5 pixels, the first frame has 12 x 8": PngWriter.WriteRgb(path, TestPictures.Noise(7, 5)); break;
            case "2.50 s of sound for 5 frames": DatasetFolder.Sound(path, 2.5); break;
        }
    }

    private sealed class Shares : IProgress<double>
    {
        private readonly List<double> values = [];

        public IReadOnlyList<double> Values => values;

        public void Report(double value)
        {
            lock (values) values.Add(value);
        }
    }
}
