using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>A clip goes in, masks come out: sizes, windows, memory, repetition, interruption.</summary>
public sealed class AudioVisualPredictorTests(MiniModel mini) : IClassFixture<MiniModel>
{
    private static readonly SegmentOptions Options = new();

    private readonly AuralSam2Model model = mini.Model;
    private readonly AudioVisualPredictor predictor = new(mini.Model);

    [Theory]
    [InlineData(3, 60, 44)]
    [InlineData(1, 128, 128)]
    [InlineData(1, 1, 1)]
    [InlineData(2, 301, 3)]
    [InlineData(2, 7, 250)]
    public void Masks_have_the_size_of_the_frames_and_two_values(int count, int width, int height)
    {
        var results = Segment(new GeneratedFrames(count, width, height));
        Assert.Equal(Enumerable.Range(0, count), results.Select(r => r.Index));
        foreach (var frame in results)
        {
            Assert.Equal(width * height, frame.Mask.Length);
            Assert.All(frame.Mask, p => Assert.True(p is 0 or 255));
            Assert.Equal(frame.Index, frame.Seconds);
            Assert.InRange(frame.PredictedIou, 0, 1);
            Assert.True(float.IsFinite(frame.ObjectScore));
        }

        if (width == 60) Assert.Contains(results, r => r.Mask.Contains((byte)0) && r.Mask.Contains((byte)255)); // rule weights draw something
    }

    [Theory]
    [InlineData(0.01, 16000, 1)]
    [InlineData(0.5, 8000, 2)]
    [InlineData(30, 22050, 3)]
    public void Any_sound_will_do(double seconds, int rate, int channels) =>
        Assert.Equal(2, predictor.Segment(new GeneratedFrames(2), GeneratedFrames.Sound(seconds, rate, channels), Options).Count());

    [Fact]
    public void Silence_will_do_and_is_heard()
    {
        var silent = predictor.Segment(new GeneratedFrames(2), new Waveform(16000, [new float[80000]]), Options).ToArray();
        Assert.All(silent, f => Assert.True(float.IsFinite(f.PredictedIou)));
        Assert.NotEqual(Scores(Segment(new GeneratedFrames(2))), Scores(silent)); // sound prompts the decoder
    }

    [Fact]
    public void Memory_runs_on_from_window_to_window()
    {
        var whole = Segment(new GeneratedFrames(23));
        Assert.Equal(23, whole.Length);

        // Up to the length of a window the rest of the clip does not matter: no frame sees what comes after.
        Assert.Equal(Scores(Segment(new GeneratedFrames(10))), Scores(whole[..10]));

        // A clip of its own begins without memory.
        var sound = GeneratedFrames.Sound(23);
        var later = predictor.Segment(new GeneratedFrames(13, first: 10), new Waveform(sound.SampleRate, [.. sound.Channels.Select(c => c[(10 * 96 * 160)..])]), Options).ToArray();
        var continued = predictor.Segment(new GeneratedFrames(23), sound, Options).Skip(10).ToArray();
        for (var i = 0; i < 10; i++) Assert.NotEqual(Scores([continued[i]]), Scores([later[i]]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(1000)]
    public void Any_window_covers_every_frame_once(int window)
    {
        var results = Segment(new GeneratedFrames(6), Options with { Window = window });
        Assert.Equal(Enumerable.Range(0, 6), results.Select(r => r.Index));
    }

    [Fact]
    public void Frames_of_a_window_are_fused_together() =>
        Assert.NotEqual(Scores(Segment(new GeneratedFrames(2))), Scores(Segment(new GeneratedFrames(2), Options with { Window = 1 })));

    [Fact]
    public void Results_repeat_bit_for_bit_on_any_number_of_threads()
    {
        var expected = Segment(new GeneratedFrames(4));
        AssertSame(expected, Segment(new GeneratedFrames(4)));
        foreach (var threads in (int[])[1, 3])
        {
            using var device = new CpuDevice(threads);
            using var other = AuralSam2Model.Load(device, "mini", new RuleWeights());
            AssertSame(expected, [.. new AudioVisualPredictor(other).Segment(new GeneratedFrames(4), GeneratedFrames.Sound(), Options)]);
        }
    }

    [Fact]
    public void The_second_clip_takes_no_more_scratch_memory()
    {
        Segment(new GeneratedFrames(12));
        var capacity = model.Device.Arena.Capacity;
        Segment(new GeneratedFrames(12));
        Assert.Equal(capacity, model.Device.Arena.Capacity);
    }

    [Fact]
    public void Progress_never_goes_back_and_ends_at_the_total()
    {
        var log = new ProgressLog();
        Assert.Equal(13, predictor.Segment(new GeneratedFrames(13), GeneratedFrames.Sound(), Options, log).Count());
        Assert.Equal(log.Reports.Select(r => r.Done).Order(), log.Reports.Select(r => r.Done));
        Assert.Equal(0, log.Reports[0].Done);
        Assert.Equal(log.Reports[^1].Total, log.Reports[^1].Done);
        Assert.Single(log.Reports.Select(r => r.Total).Distinct());
        Assert.Equal(["encoding images", "fusing sound and image", "tracking"], log.Reports.Select(r => r.Stage).Distinct());
    }

    [Theory]
    [InlineData("encoding images", 0)]
    [InlineData("encoding images", 2)]
    [InlineData("fusing sound and image", 4)]
    [InlineData("tracking", 9)]
    public void Cancellation_stops_at_once_and_leaves_a_usable_model(string stage, int done)
    {
        var expected = Segment(new GeneratedFrames(4));
        using var stop = new CancellationTokenSource();
        var log = new ProgressLog(p =>
        {
            if (p.Stage == stage && p.Done == done) stop.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => predictor.Segment(new GeneratedFrames(4), GeneratedFrames.Sound(), Options, log, stop.Token).Count());
        Assert.Equal((stage, done), (log.Reports[^1].Stage, log.Reports[^1].Done)); // nothing began afterwards
        Assert.Equal(0, model.Device.Arena.OpenScopes);
        AssertSame(expected, Segment(new GeneratedFrames(4)));
    }

    [Fact]
    public void A_frame_that_cannot_be_read_leaves_a_usable_model()
    {
        var expected = Segment(new GeneratedFrames(3));
        using var frames = new GeneratedFrames(12) { Reading = i => { if (i == 11) throw new MediaException("frame 11: torn"); } };
        var seen = new List<int>();
        var error = Assert.Throws<MediaException>(() =>
        {
            foreach (var frame in predictor.Segment(frames, GeneratedFrames.Sound(), Options)) seen.Add(frame.Index);
        });
        Assert.Equal("frame 11: torn", error.Message);
        Assert.Equal(Enumerable.Range(0, 10), seen); // the first window was delivered
        Assert.False(frames.IsDisposed); // the source is the caller's
        Assert.Equal(0, model.Device.Arena.OpenScopes);
        AssertSame(expected, Segment(new GeneratedFrames(3)));
    }

    [Fact]
    public void Whoever_stops_listening_leaves_nothing_open()
    {
        Assert.Equal(0, predictor.Segment(new GeneratedFrames(3), GeneratedFrames.Sound(), Options).First().Index);
        Assert.Equal(0, model.Device.Arena.OpenScopes);
        Assert.Equal(3, Segment(new GeneratedFrames(3)).Length);
    }

    [Fact]
    public void What_cannot_be_segmented_is_refused_before_any_work()
    {
        var frames = new GeneratedFrames(2) { Reading = _ => Assert.Fail("a frame was read") };
        Assert.Throws<ArgumentException>(() => predictor.Segment(new GeneratedFrames(0), GeneratedFrames.Sound(), Options));
        Assert.Throws<ArgumentException>(() => predictor.Segment(frames, new Waveform(16000, [[]]), Options));
        Assert.Throws<ArgumentException>(() => predictor.Segment(frames, GeneratedFrames.Sound(), Options with { Window = 0 }));
        var error = Assert.Throws<ArgumentException>(() => predictor.Segment(frames, GeneratedFrames.Sound(), Options with { TextFeatures = new float[25 * 768] }));
        Assert.Contains("AVS", error.Message, StringComparison.Ordinal);
    }

    private SegmentedFrame[] Segment(IFrameSource frames, SegmentOptions? options = null) => [.. predictor.Segment(frames, GeneratedFrames.Sound(), options ?? Options)];

    private static (float, float)[] Scores(IEnumerable<SegmentedFrame> frames) => [.. frames.Select(f => (f.PredictedIou, f.ObjectScore))];

    private static void AssertSame(SegmentedFrame[] expected, SegmentedFrame[] actual)
    {
        Assert.Equal(Scores(expected), Scores(actual));
        Assert.Equal(expected.Select(f => f.Mask), actual.Select(f => f.Mask));
    }
}
