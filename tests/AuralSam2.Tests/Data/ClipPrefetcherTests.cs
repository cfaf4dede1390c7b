using System.Collections.Concurrent;
using AuralSam2.Data;
using AuralSam2.Media;
using AuralSam2.Tests.Media;
using Xunit;

namespace AuralSam2.Tests.Data;

public sealed class ClipPrefetcherTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Order_is_kept_whoever_is_done_first(int ahead)
    {
        var results = Read(Enumerable.Range(0, 30), (i, _) =>
        {
            Thread.Sleep(i % 3 == 0 ? 6 : 0);
            return i * 10;
        }, ahead).ToArray();
        Assert.Equal(Enumerable.Range(0, 30).Select(i => i * 10), results);
        Assert.Empty(Read([], (i, _) => i, ahead));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Reading_goes_on_while_a_clip_is_used_but_not_beyond_its_bound(int ahead)
    {
        var begun = new ConcurrentBag<int>();
        var used = 0;
        foreach (var i in Read(Enumerable.Range(0, 12), (i, _) => { begun.Add(i); return i; }, ahead))
        {
            used++;
            Assert.True(SpinWait.SpinUntil(() => begun.Count >= Math.Min(12, used + ahead), Patience), $"{begun.Count} begun, {used} used");
            Thread.Sleep(5);
            Assert.True(begun.Count <= used + ahead, $"{begun.Count} begun, {used} used");
        }

        Assert.Equal(12, used);
    }

    [Fact]
    public void Requests_are_taken_one_by_one()
    {
        var taken = 0;
        IEnumerable<int> Endless()
        {
            while (true) yield return taken++;
        }

        Assert.Equal([0, 1, 2], Read(Endless(), (i, _) => i, 2).Take(3));
        Assert.InRange(taken, 3, 6);
    }

    [Fact]
    public void An_error_comes_in_its_place_and_ends_the_others()
    {
        using var stopped = new CountdownEvent(2);
        var handedOut = new List<int>();
        var error = Assert.Throws<MediaException>(() =>
        {
            foreach (var i in Read(Enumerable.Range(0, 9), (i, token) =>
            {
                if (i == 2) throw new MediaException("clip/2.png: damaged");
                if (i > 2) token.WaitHandle.WaitOne(Patience);
                if (i > 2) stopped.Signal();
                return i;
            }, 3)) handedOut.Add(i);
        });
        Assert.Equal("clip/2.png: damaged", error.Message);
        Assert.Equal([0, 1], handedOut);
        Assert.True(stopped.IsSet); // the two that were under way had ended before the error came out
    }

    [Fact]
    public void Leaving_early_leaves_no_reader_behind()
    {
        var (begun, told, ended) = (0, 0, 0);
        foreach (var i in Read(Enumerable.Range(0, 100), (i, token) =>
        {
            Interlocked.Increment(ref begun);
            if (i > 0 && token.WaitHandle.WaitOne(Patience)) Interlocked.Increment(ref told);
            Interlocked.Increment(ref ended);
            return i;
        }, 4)) break;
        Assert.Equal((begun, begun - 1), (ended, told)); // all have ended, all but the first because they were told to
    }

    [Fact]
    public void Cancellation_ends_it()
    {
        using var cancellation = new CancellationTokenSource();
        var seen = 0;
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            foreach (var i in Read(Enumerable.Range(0, 100), (i, token) =>
            {
                if (i > 3) token.WaitHandle.WaitOne(Patience);
                token.ThrowIfCancellationRequested();
                return i;
            }, 2, cancellation.Token))
            {
                if (++seen == 3) cancellation.Cancel();
            }
        });
        Assert.Equal(3, seen);
        Assert.Throws<ArgumentOutOfRangeException>(() => Read([1], (i, _) => i, 0));
    }

    [Fact]
    public void Clips_that_are_read_ahead_are_those_that_are_read_alone()
    {
        using var data = new DatasetFolder();
        for (var i = 0; i < 6; i++) data.Avs("v1m", $"c{i}", "train");
        var clips = ClipDataset.Open(data.Write().Root, DatasetKind.V1m, Split.Train).Epoch(3, 1);
        var loader = new ClipLoader(32, ClipPurpose.Training);
        var ahead = ClipPrefetcher.Read(loader, clips, 3).ToArray();
        Assert.Equal(clips.Select(c => c.Clip), ahead.Select(c => c.Entry));
        for (var i = 0; i < ahead.Length; i++)
        {
            var alone = loader.Load(clips[i]);
            for (var frame = 0; frame < 5; frame++)
            {
                Assert.Equal(alone.Images[frame].Pixels, ahead[i].Images[frame].Pixels);
                Assert.Equal(alone.Labels[frame], ahead[i].Labels[frame]);
            }
        }

        File.WriteAllText(clips[1].Clip.Frames[3].ImagePath, "not a picture");
        using var broken = ClipPrefetcher.Read(loader, clips).GetEnumerator();
        Assert.True(broken.MoveNext());
        MediaAssert.Fails(() => broken.MoveNext(), clips[1].Clip.Frames[3].ImagePath);
    }

    private static IEnumerable<int> Read(
        IEnumerable<int> requests, Func<int, CancellationToken, int> load, int ahead, CancellationToken cancellation = default) =>
        ClipPrefetcher.Read(requests, load, ahead, cancellation);
}
