using AuralSam2.Data;
using Xunit;

namespace AuralSam2.Tests.Data;

public sealed class ClipDatasetTests : IDisposable
{
    private readonly DatasetFolder data = new();

    public void Dispose() => data.Dispose();

    [Fact]
    public void Clips_of_a_split_come_in_the_order_of_the_table()
    {
        data.Avs("v1m", "b", "train").Avs("v1m", "a", "train").Avs("v1m", "c", "test").Avs("v1s", "d", "train", labels: 1).Write();
        var train = ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train);
        Assert.Equal(["b", "a"], train.Clips.Select(c => c.Uid));
        Assert.Equal([0, 1], train.Clips.Select(c => c.Index));
        var clip = train.Clips[1];
        var folder = data.AvsClip("v1m", "a");
        Assert.Equal((DatasetKind.V1m, Split.Train, null, false), (clip.Kind, clip.Split, clip.Sentence, clip.IsNull));
        Assert.Equal(Path.Combine(folder, "audio.wav"), clip.AudioPath);
        string[] names = [.. Enumerable.Range(0, 5).Select(i => $"a_{i}.png")];
        Assert.Equal(names.Select(n => Path.Combine(folder, "frames", n)), clip.Frames.Select(f => f.ImagePath));
        Assert.Equal(names.Select(n => Path.Combine(folder, "labels_rgb", n)), clip.Frames.Select(f => f.LabelPath));
        Assert.All(clip.Frames, f => Assert.True(f.IsSupervised));
        Assert.Equal(["c"], ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Test).Clips.Select(c => c.Uid));
    }

    [Fact]
    public void Files_follow_the_number_after_the_last_underscore()
    {
        data.Avs("v2", "x_1_9", "train", frames: 12, labels: 12).Write();
        var clip = ClipDataset.Open(data.Root, DatasetKind.V2, Split.Train).Clips.Single();
        Assert.Equal(Enumerable.Range(0, 12).Select(i => $"x_1_9_{i}.png"), clip.Frames.Select(f => Path.GetFileName(f.ImagePath)));
        Assert.Equal(Enumerable.Range(0, 12).Select(i => $"x_1_9_{i}.png"), clip.Frames.Select(f => Path.GetFileName(f.LabelPath)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Training_clips_of_v1s_supervise_frame_0_alone(int labels)
    {
        data.Avs("v1s", "a", "train", labels: labels).Avs("v1s", "t", "test").Avs("v1m", "m", "train").Avs("v2", "z", "train", 10, 10).Write();
        foreach (var kind in new[] { DatasetKind.V1s, DatasetKind.V2 })
        {
            var clips = ClipDataset.Open(data.Root, kind, Split.Train).Clips;
            Assert.Equal([true, false, false, false, false], clips[0].Frames.Select(f => f.IsSupervised));
            Assert.NotNull(clips[0].Frames[0].LabelPath);
        }

        Assert.All(ClipDataset.Open(data.Root, DatasetKind.V1s, Split.Test).Clips.Single().Frames, f => Assert.True(f.IsSupervised));
        var merged = ClipDataset.Open(data.Root, DatasetKind.V2, Split.Train).Clips;
        Assert.Equal([("a", DatasetKind.V1s), ("m", DatasetKind.V1m), ("z", DatasetKind.V2)], merged.Select(c => (c.Uid, c.Kind)));
    }

    [Fact]
    public void Sentences_of_Ref_AVS_share_clips_and_null_ones_have_empty_labels()
    {
        data.Ref("vid_a_0_1", "vid_a", 2, "\"The one, as they say, \"\"behind\"\" the drum\"", "train")
            .Ref("null_vid_a_0_2", "vid_a", 7, "A violin", "train", masks: false)
            .Ref("vid_a_0_3", "vid_a", 1, "The drum", "test_s")
            .RefRow("vid_a_null_3,,,A dog that barks,test_n")
            .Write();
        var train = ClipDataset.Open(data.Root, DatasetKind.RefAvs, Split.Train).Clips;
        Assert.Equal("The one, as they say, \"behind\" the drum", train[0].Sentence);
        Assert.Equal((10, 10), (train[0].Frames.Count, train[1].Frames.Count));
        Assert.Equal(Path.Combine(data.RefMasks("vid_a", 2), "00009.png"), train[0].Frames[9].LabelPath);
        Assert.Equal((false, true), (train[0].IsNull, train[1].IsNull));
        Assert.All(train[1].Frames, f => Assert.Equal((null, true), (f.LabelPath, f.IsSupervised)));

        // A null sentence of the test is about its uid less the last two fields.
        var none = ClipDataset.Open(data.Root, DatasetKind.RefAvs, Split.TestNull).Clips.Single();
        Assert.Equal((true, "A dog that barks"), (none.IsNull, none.Sentence));
        Assert.Equal(Path.Combine(data.RefMedia("vid_a"), "audio.wav"), none.AudioPath);
    }

    [Fact]
    public void Scenes_may_be_null_and_have_labels_all_the_same()
    {
        data.Avs("scenes", "000017", "train", 7, 7).Avs("scenes", "null_000018", "train").Write();
        var clips = ClipDataset.Open(data.Root, DatasetKind.Scenes, Split.Train).Clips;
        Assert.Equal([false, true], clips.Select(c => c.IsNull));
        Assert.All(clips[1].Frames, f => Assert.NotNull(f.LabelPath));
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train), data.AvsTable, "folder that holds AVSBench");
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.RefAvs, Split.Train), data.RefTable, "folder that holds REFAVS");
        data.Avs("v1m", "a", "train").Avs("v1m", "b", "test").Write();
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Validation), "no val clips of v1m", "train (1), test (1)");
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.V1m, Split.TestNull), "no split test_n", "train, val, test");
        File.Delete(Path.Combine(data.AvsClip("v1m", "a"), "audio.wav"));
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train), "audio.wav", "no such file");
        Directory.Delete(Path.Combine(data.AvsClip("v1m", "a"), "labels_rgb"), recursive: true);
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train), "labels_rgb", "no such folder", "1 more");
        Assert.Single(ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Test).Clips); // other splits are not held up
    }

    [Theory]
    [InlineData("x,../../secret,0,train,v1m", "../../secret")]
    [InlineData("x,..,0,train,v1m", "'..'")]
    [InlineData("x,,0,train,v1m", "''")]
    [InlineData("x,a,0,training,v1m", "split 'training'")]
    [InlineData("x,a,0,train,v3", "label 'v3'")]
    [InlineData("x,ok,0,train,v1m", "second time")]
    [InlineData("x,a,0,train", "4 fields")]
    public void Bad_rows_are_named_by_their_line(string row, string words)
    {
        data.Avs("v1m", "ok", "train").AvsRow(row).Write();
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train), data.AvsTable, "line 3", words);
    }

    [Theory]
    [InlineData("v_0_1,../v,1,A dog,train", "vid '../v'")]
    [InlineData("v_0_1,v,../1,A dog,train", "fid '../1'")]
    [InlineData(".._0_1,v,1,A dog,test_n", "'.._0_1'")]
    [InlineData("v_0,v,1,A dog,test_n", "'v_0'")]
    [InlineData("v_0_1,v,1,A dog,test", "split 'test'")]
    public void Names_of_Ref_AVS_stay_within_the_dataset(string row, string words)
    {
        data.RefRow(row).Write();
        Fails(() => ClipDataset.Open(data.Root, DatasetKind.RefAvs, Split.Train), data.RefTable, "line 2", words);
    }

    [Fact]
    public void An_epoch_is_every_clip_once_in_an_order_of_its_own()
    {
        for (var i = 0; i < 40; i++) data.Avs("v1s", $"c{i}", "train", frames: 1, labels: 1);
        var clips = ClipDataset.Open(data.Write().Root, DatasetKind.V1s, Split.Train);
        var epochs = Enumerable.Range(0, 4).Select(e => clips.Epoch(7, e)).ToArray();
        foreach (var epoch in epochs) Assert.Equal(Enumerable.Range(0, 40), epoch.Select(r => r.Clip.Index).Order());
        Assert.Equal(5, epochs.Append(clips.InOrder()).Select(e => string.Join(' ', e.Select(r => r.Clip.Index))).Distinct().Count());
        Assert.Equal(epochs[2], clips.Epoch(7, 2)); // augmentations included
        Assert.NotEqual(epochs[2].Select(r => r.Clip.Index), clips.Epoch(8, 2).Select(r => r.Clip.Index));
        Assert.All(epochs[1], r => Assert.Equal(ClipAugmentation.Draw(7, 1, r.Clip.Index), r.Augmentation));
        Assert.All(clips.InOrder(), r => Assert.Equal(ClipAugmentation.None, r.Augmentation));
    }

    private static void Fails(Action action, params string[] words)
    {
        var message = Assert.Throws<DatasetException>(action).Message;
        Assert.DoesNotContain('\n', message);
        foreach (var word in words) Assert.Contains(word, message, StringComparison.Ordinal);
    }
}
