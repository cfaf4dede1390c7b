using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.PostProcessing;
using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>Sessions as people have them: objects come, are corrected and go; frames from a folder or from a stream; forwards and backwards.</summary>
public sealed class VideoPredictorTests : IDisposable
{
    private static readonly VideoPrompt Click = new(0) { Points = [new(20, 20)] };
    private static readonly VideoPrompt Boxed = new(0, 2) { Box = new(10, 8, 50, 40) };

    private readonly MiniSam2 mini = new();

    public void Dispose() => mini.Dispose();

    [Fact]
    public async Task An_interactive_session_replayed()
    {
        using var frames = new GeneratedFrames(8);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        var first = session.Prompt(Click)!;
        Assert.Equal((1, true), (first.Id, first.IsPrompted));
        var tracked = await All(session);
        Assert.Equal(Enumerable.Range(0, 8), tracked.Select(f => f.Index));
        Assert.Equal(first.Mask, tracked[0].Objects[0].Mask);
        Assert.All(tracked.Skip(1), f => Assert.False(f.Objects[0].IsPrompted));

        // A correction after tracking holds, and changes what other frames see.
        var corrected = session.Prompt(new VideoPrompt(4) { Points = [new(40, 30), new(5, 5, IsOnObject: false)] })!;
        Assert.NotEqual(tracked[4].Objects[0].Mask, corrected.Mask);
        var again = await All(session);
        Assert.Equal(corrected.Mask, again[4].Objects[0].Mask);
        Assert.NotEqual(tracked[5].Objects[0].ObjectScore, again[5].Objects[0].ObjectScore);

        // A new object, also after tracking began, leaves the first as it was.
        session.Prompt(Boxed with { Frame = 3 });
        var both = await All(session);
        Assert.All(both, f => Assert.Equal([1, 2], f.Objects.Select(o => o.Id)));
        for (var i = 0; i < 8; i++) Assert.Equal(again[i].Objects[0].ObjectScore, both[i].Objects[0].ObjectScore);

        session.RemoveObject(1);
        var alone = await All(session);
        Assert.Equal([3, 4, 5, 6, 7], alone.Select(f => f.Index));
        Assert.Equal([2], session.ObjectIds);
        Assert.Equal(both[3].Objects[1].Mask, Assert.Single(alone[0].Objects).Mask);

        session.Prompt(new VideoPrompt(6, 3) { Mask = Square(60, 44) });
        var back = await All(session, new PropagateOptions { From = 6, Reverse = true });
        Assert.Equal([6, 5, 4, 3, 2, 1, 0], back.Select(f => f.Index));
        Assert.Equal(1, back[0].Objects[1].PredictedIou);
        Assert.Equal(2, (await All(session, new PropagateOptions { From = 2, MaxFrames = 2 })).Count);
        Assert.Equal(0, mini.Device.Arena.OpenScopes);
    }

    [Fact]
    public async Task A_correction_that_does_not_condition_is_tracked_over()
    {
        using var frames = new GeneratedFrames(6);
        using var session = new VideoPredictor(mini.Model, new VideoOptions { CorrectionsCondition = false }).Open(frames);
        session.Prompt(Click);
        var tracked = await All(session);
        session.Prompt(new VideoPrompt(4) { Points = [new(40, 30), new(5, 5, IsOnObject: false)] });
        Same(tracked, await All(session));
        session.Prompt(new VideoPrompt(4) { Points = [new(40, 30)] });
        var after = await All(session, new PropagateOptions { From = 5 });
        Assert.NotEqual(tracked[5].Objects[0].ObjectScore, after[0].Objects[0].ObjectScore); // but seen from frames behind it
    }

    /// <summary>Only what is handed out: scores, and so memories, stay what they are.</summary>
    [Fact]
    public async Task Masks_are_tidied_where_they_are_handed_out()
    {
        using var frames = new GeneratedFrames(3);
        var found = new List<List<TrackedFrame>>();
        foreach (var cleanup in (MaskCleanupOptions[])[new(), new(RemoveSprinklesUpTo: 60 * 44)])
        {
            using var session = new VideoPredictor(mini.Model, new VideoOptions { Cleanup = cleanup }).Open(frames);
            session.Prompt(Click);
            found.Add(await All(session));
        }

        Assert.Equal(found[0].Select(f => f.Objects[0].ObjectScore), found[1].Select(f => f.Objects[0].ObjectScore));
        Assert.Contains(found[0], f => f.Objects[0].Mask.Contains((byte)255));
        Assert.All(found[1], f => Assert.DoesNotContain((byte)255, f.Objects[0].Mask));
        Assert.Throws<ArgumentException>(() => new VideoPredictor(mini.Model, new VideoOptions { Cleanup = new(FillHolesUpTo: -1) }));
    }

    [Fact]
    public async Task More_points_refine_the_ones_before()
    {
        using var frames = new GeneratedFrames(2);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        session.Prompt(Click);
        var both = session.Prompt(new VideoPrompt(0) { Points = [new(50, 40, IsOnObject: false)], AddToEarlier = true })!;
        using var fresh = new VideoPredictor(mini.Model).Open(frames);
        fresh.Prompt(Click);
        Assert.Equal(both.ObjectScore, fresh.Prompt(new VideoPrompt(0) { Points = [new(20, 20), new(50, 40, IsOnObject: false)] })!.ObjectScore);
        Assert.Equal(2, (await All(session)).Count);
    }

    [Fact]
    public async Task A_prompt_taken_back_leaves_no_trace_of_an_object()
    {
        using var frames = new GeneratedFrames(4);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        session.Prompt(Click);
        await All(session);
        session.RemovePrompts(0, 1);
        Assert.Throws<InvalidOperationException>(() => session.PropagateAsync());
        Assert.Throws<ArgumentException>(() => session.RemovePrompts(2, 1));
        Assert.Throws<ArgumentException>(() => session.RemoveObject(7));
        session.Prompt(Click);
        Assert.Equal(4, (await All(session)).Count);
    }

    /// <summary>With 16 frames and more the length of a clip plays no role, see <see cref="VideoPredictor.Open(IAsyncEnumerable{RgbImage}, double, Waveform)"/>.</summary>
    [Fact]
    public async Task A_stream_gives_the_same_as_a_clip()
    {
        using var frames = new GeneratedFrames(20);
        using var clip = new VideoPredictor(mini.Model).Open(frames);
        clip.Prompt(Click);
        clip.Prompt(Boxed);
        var expected = await All(clip);

        using var stream = new VideoPredictor(mini.Model).Open(frames.Stream());
        Assert.Null(stream.Prompt(Click)); // has not arrived
        Assert.Null(stream.Prompt(Boxed));
        var actual = await All(stream);
        Assert.Equal(20, stream.FrameCount);
        Same(expected, actual);
    }

    [Fact]
    public async Task Objects_come_and_go_while_a_stream_runs()
    {
        using var frames = new GeneratedFrames(9);
        using var session = new VideoPredictor(mini.Model).Open(frames.Stream());
        var counts = new List<int>();
        await foreach (var frame in session.PropagateAsync())
        {
            counts.Add(frame.Objects.Count);
            if (frame.Index == 2) Assert.NotNull(session.Prompt(Click with { Frame = 2 })); // on the frame that is seen
            if (frame.Index == 4) session.Prompt(Boxed with { Frame = 7 });
            if (frame.Index == 5) session.RemoveObject(1);
        }

        Assert.Equal([0, 0, 0, 1, 1, 1, 0, 1, 1], counts);
        Assert.Throws<InvalidOperationException>(() => session.Prompt(Click)); // gone
    }

    [Fact]
    public async Task A_clip_may_forget_what_is_out_of_sight()
    {
        using var frames = new GeneratedFrames(60);
        var found = new List<List<TrackedFrame>>();
        foreach (var everything in (bool[])[true, false])
        {
            using var session = new VideoPredictor(mini.Model, new VideoOptions { RememberEveryFrame = everything }).Open(frames);
            session.Prompt(Click with { Frame = 20 });
            var all = await All(session);
            all.AddRange(await All(session, new PropagateOptions { Reverse = true }));
            found.Add(all);
            Assert.InRange(session.BankOf(1)!.Count, everything ? 60 : 30, everything ? 60 : 50);
        }

        Same(found[0], found[1]);
    }

    [Fact]
    public async Task The_next_frame_is_read_while_this_one_is_tracked()
    {
        var read = new System.Collections.Concurrent.ConcurrentDictionary<int, int>();
        using var frames = new GeneratedFrames(5) { Reading = index => read.AddOrUpdate(index, 1, (_, times) => times + 1) };
        using var session = new VideoPredictor(mini.Model).Open(frames);
        session.Prompt(Click);
        await foreach (var frame in session.PropagateAsync())
            Assert.True(frame.Index == 4 || SpinWait.SpinUntil(() => read.ContainsKey(frame.Index + 1), 10_000));
        Assert.Equal(Enumerable.Range(0, 5), read.Keys.Order());
        Assert.All(read.Values, times => Assert.Equal(1, times));
    }

    /// <summary>What does not depend on the object runs once for a frame.</summary>
    [Fact]
    public async Task Objects_share_the_encoder_and_the_first_self_attention()
    {
        using var frames = new GeneratedFrames(3);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        session.Prompt(Click);
        session.Prompt(Boxed);
        session.Prompt(new VideoPrompt(0, 3) { Mask = Square(60, 44) });
        var modules = new ModuleCount();
        mini.Device.Attach(modules);
        await All(session);
        mini.Device.Detach(modules);
        Assert.Equal(2, modules["image_encoder"]); // the first was encoded for its prompts
        Assert.Equal(2, modules["memory_attention.layers.0.self_attn"]);
        Assert.Equal(6, modules["memory_attention.layers.1.self_attn"]);
        Assert.Equal(6, modules["sam_mask_decoder"]);
    }

    [Fact]
    public async Task Cancellation_ends_with_the_op_that_runs_and_the_session_goes_on()
    {
        using var frames = new GeneratedFrames(6);
        using var undisturbed = new VideoPredictor(mini.Model).Open(frames);
        undisturbed.Prompt(Click);
        var expected = await All(undisturbed);

        using var session = new VideoPredictor(mini.Model).Open(frames);
        session.Prompt(Click);
        foreach (var after in (int[])[1, 40, 150, 250])
        {
            using var source = new CancellationTokenSource();
            var ops = new StopAfter(after, source);
            mini.Device.Attach(ops);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await All(session, cancellation: source.Token));
            mini.Device.Detach(ops);
            Assert.Equal(after, ops.Begun);
            Assert.Equal(0, mini.Device.Arena.OpenScopes);
        }

        Same(expected, await All(session));
    }

    [Fact]
    public async Task A_second_caller_is_told_so()
    {
        VideoSession? session = null;
        Exception? met = null;
        using var frames = new GeneratedFrames(3)
        {
            Reading = index =>
            {
                if (index == 0 && met is null) met = Record.Exception(() => session!.Prompt(Click));
            },
        };
        session = new VideoPredictor(mini.Model).Open(frames);
        session.Prompt(Click);
        Assert.Contains("another call", Assert.IsType<InvalidOperationException>(met).Message, StringComparison.Ordinal);
        Assert.Equal(3, (await All(session)).Count);
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Prompt(Click));
    }

    public static TheoryData<string, VideoPrompt> BadPrompts => new()
    {
        { "no frame 9", Click with { Frame = 9 } },
        { "no frame -1", Click with { Frame = -1 } },
        { "outside", new VideoPrompt(0) { Points = [new(61, 3)] } },
        { "outside", new VideoPrompt(0) { Points = [new(3, -1)] } },
        { "not a number", new VideoPrompt(0) { Points = [new(float.NaN, 3)] } },
        { "not made of numbers", new VideoPrompt(0) { Box = new(1, 1, float.PositiveInfinity, 5) } },
        { "empty", new VideoPrompt(0) { Box = new(5, 5, 5, 9) } },
        { "leaves", new VideoPrompt(0) { Box = new(5, 5, 50, 45) } },
        { "empty prompt", new VideoPrompt(0) },
        { "mask of 9 pixels", new VideoPrompt(0) { Mask = new byte[9] } },
        { "without points", new VideoPrompt(0) { Mask = new byte[60 * 44], Points = [new(1, 1)] } },
        { "before all points", Boxed with { AddToEarlier = true } },
    };

    [Theory]
    [MemberData(nameof(BadPrompts))]
    public void A_bad_prompt_is_one_clear_line(string words, VideoPrompt prompt)
    {
        using var frames = new GeneratedFrames(3);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        var message = Assert.Throws<ArgumentException>(() => session.Prompt(prompt)).Message;
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.Empty(session.ObjectIds);
    }

    [Fact]
    public async Task What_cannot_be_tracked_is_said_at_once()
    {
        using var frames = new GeneratedFrames(3);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        Assert.Throws<InvalidOperationException>(() => session.PropagateAsync());
        session.Prompt(Click);
        Assert.Throws<ArgumentException>(() => session.PropagateAsync(new PropagateOptions { From = 3 }));
        Assert.Throws<ArgumentException>(() => session.PropagateAsync(new PropagateOptions { MaxFrames = 0 }));
        Assert.Throws<ArgumentException>(() => new VideoPredictor(mini.Model).Open(frames, GeneratedFrames.Sound()));
        using var stream = new VideoPredictor(mini.Model).Open(Broken());
        Assert.Throws<ArgumentException>(() => stream.PropagateAsync(new PropagateOptions { Reverse = true }));
        Assert.Contains("unplugged", (await Assert.ThrowsAsync<MediaException>(async () => await All(stream))).Message, StringComparison.Ordinal);

        async IAsyncEnumerable<RgbImage> Broken()
        {
            await Task.Yield();
            yield return frames.Read(0);
            throw new MediaException("the camera was unplugged");
        }
    }

    /// <summary>An empty mask is an object that is not there.</summary>
    [Fact]
    public async Task An_object_that_is_absent_has_an_empty_mask()
    {
        using var frames = new GeneratedFrames(2);
        using var session = new VideoPredictor(mini.Model).Open(frames);
        var shown = session.Prompt(new VideoPrompt(0) { Mask = new byte[60 * 44] })!;
        Assert.Equal(-10, shown.ObjectScore);
        Assert.Equal(0, shown.Mask.Count(m => m != 0));
        Assert.Equal(2, (await All(session)).Count);
    }

    private static byte[] Square(int width, int height)
    {
        var mask = new byte[width * height];
        for (var y = height / 4; y < height / 2; y++) mask.AsSpan((y * width) + (width / 4), width / 4).Fill(1);
        return mask;
    }

    private static async Task<List<TrackedFrame>> All(VideoSession session, PropagateOptions? options = null, CancellationToken cancellation = default)
    {
        var all = new List<TrackedFrame>();
        await foreach (var frame in session.PropagateAsync(options, null, cancellation)) all.Add(frame);
        return all;
    }

    private static void Same(List<TrackedFrame> expected, List<TrackedFrame> actual)
    {
        Assert.Equal(expected.Select(f => f.Index), actual.Select(f => f.Index));
        foreach (var (one, other) in expected.Zip(actual))
            Assert.Equal(
                one.Objects.Select(o => (o.Id, o.ObjectScore, o.PredictedIou, Convert.ToHexString(o.Mask))),
                other.Objects.Select(o => (o.Id, o.ObjectScore, o.PredictedIou, Convert.ToHexString(o.Mask))));
    }

    private abstract class Watcher : IDeviceObserver
    {
        public bool NeedsShape => false;

        public bool NeedsDeviceTime => false;

        public virtual void BeginModule(string path, long timestamp)
        {
        }

        public void EndModule(long timestamp)
        {
        }

        public virtual void BeginOp(in OpInvocation call)
        {
        }

        public void EndOp(in OpInvocation call, in OpCost cost)
        {
        }
    }

    private sealed class ModuleCount : Watcher
    {
        private readonly Dictionary<string, int> counts = [];

        public int this[string path] => counts.GetValueOrDefault(path);

        public override void BeginModule(string path, long timestamp) => counts[path] = this[path] + 1;
    }

    private sealed class StopAfter(int ops, CancellationTokenSource source) : Watcher
    {
        public int Begun { get; private set; }

        public override void BeginOp(in OpInvocation call)
        {
            if (call.Depth == 0 && ++Begun == ops) source.Cancel();
        }
    }
}
