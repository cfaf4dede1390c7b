using AuralSam2.Data;
using AuralSam2.Metrics;
using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Metrics;

public sealed class ScoreBoardTests
{
    private const float Inside = 20, Outside = -20;

    [Theory]
    [InlineData(1, 6)]
    [InlineData(4, 8)]
    [InlineData(4, 10)]
    public void Means_are_over_batches_as_defined(int clipsPerBatch, int clips)
    {
        var board = new ScoreBoard(new ScoreProtocol(20, clipsPerBatch, DecodeMode.Iou));
        var all = Enumerable.Range(0, clips)
            .Select(c => Enumerable.Range(0, 3).Select(f => BruteForce.Frame(400, c * 10 + f, c == 2 ? 0 : f == 1 ? 0.02 * c : 0.4)).ToArray())
            .ToArray();
        for (var c = 0; c < clips; c++)
        {
            var score = board.Add($"c{c}", false, Counts(all[c]));
            var alone = BruteForce.Scores([[all[c]]]);
            Assert.Equal(alone.Jaccard, score.Jaccard, 1e-12);
            Assert.Equal(alone.F, score.FMeasure, 1e-12);
            Assert.Equal((alone.Jaccard + alone.F) / 2, score.JaccardAndF, 1e-12);
        }

        var expected = BruteForce.Scores(all.Chunk(clipsPerBatch));
        var scores = board.Result();
        Assert.Equal(expected.Jaccard, scores.Jaccard, 1e-12);
        Assert.Equal(expected.F, scores.FMeasure, 1e-12);
        Assert.Equal((expected.Jaccard + expected.F) / 2, scores.JaccardAndF, 1e-12);
        Assert.Equal((clips, 0, double.NaN, double.NaN), (scores.Clips, scores.NullClips, scores.NullShare, scores.NullRoot));
        Assert.Equal(scores, board.Result()); // asking changes nothing
        Assert.Equal(Enumerable.Range(0, clips).Select(c => $"c{c}"), board.Clips.Select(c => c.Uid));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Null_clips_count_for_S_alone(int clipsPerBatch)
    {
        var board = new ScoreBoard(new ScoreProtocol(20, clipsPerBatch, DecodeMode.Iou));
        var clips = Enumerable.Range(0, 6)
            .Select(c => Enumerable.Range(0, 2).Select(f => BruteForce.Frame(400, c * 10 + f, 0)).ToArray())
            .ToArray();
        for (var c = 0; c < 6; c++)
        {
            board.Add($"null_{c}", true, Counts(clips[c]));
            if (c == 3) board.Add("other", false, Counts([BruteForce.Frame(400, 99, 0.5)]));
        }

        var expected = BruteForce.NullShares(clips.Select(c => c.Select(f => f.Logits).ToArray()).Chunk(clipsPerBatch));
        var scores = board.Result();
        Assert.Equal(expected.Share, scores.NullShare, 1e-12);
        Assert.Equal(expected.Root, scores.NullRoot, 1e-12);
        Assert.True(scores.NullRoot > scores.NullShare);
        Assert.Equal((1, 6), (scores.Clips, scores.NullClips));
        Assert.Equal(BruteForce.Scores([[[BruteForce.Frame(400, 99, 0.5)]]]).Jaccard, scores.Jaccard, 1e-12);
    }

    [Fact]
    public void The_root_is_taken_of_each_batch()
    {
        var board = new ScoreBoard(new ScoreProtocol(2, 1, DecodeMode.Iou));
        board.Add("a", true, [new FrameCounts([Inside, Inside, Inside, Inside], [0, 0, 0, 0])]);
        board.Add("b", true, [new FrameCounts([Inside, Outside, Outside, 0], [0, 0, 0, 0])]);
        Assert.Equal((1 + 0.25) / 2, board.Result().NullShare, 1e-12);
        Assert.Equal((1 + 0.5) / 2, board.Result().NullRoot, 1e-12);
    }

    [Fact]
    public void Batches_of_empty_ground_truth_count_zero_for_F_but_not_for_J()
    {
        var board = new ScoreBoard(ScoreProtocol.Of(DatasetKind.V1m, 2));
        board.Add("empty", false, [new FrameCounts([Outside, Outside, Outside, Outside], [0, 0, 0, 0])]);
        board.Add("full", false, [new FrameCounts([Inside, Inside, Outside, Outside], [1, 1, 0, 0])]);
        Assert.Equal(1, board.Result().Jaccard, 1e-6);
        Assert.Equal(0.5, board.Result().FMeasure, 1e-6);

        // In one batch, the empty clip is left out of F.
        board = new ScoreBoard(ScoreProtocol.Of(DatasetKind.RefAvs, 2));
        board.Add("empty", false, [new FrameCounts([Outside, Outside, Outside, Outside], [0, 0, 0, 0])]);
        board.Add("full", false, [new FrameCounts([Inside, Inside, Outside, Outside], [1, 1, 0, 0])]);
        Assert.Equal(1, board.Result().FMeasure, 1e-6);
    }

    [Fact]
    public void The_best_threshold_is_that_of_the_batch()
    {
        // Each frame alone finds a threshold that is right for it (F = 1); together they have none.
        FrameCounts low = new([-1, -3, -3, -3], [1, 0, 0, 0]), high = new([3, 1, 1, 1], [1, 0, 0, 0]);
        var board = new ScoreBoard(ScoreProtocol.Of(DatasetKind.V1m, 2));
        board.Add("both", false, [low, high]);
        var expected = (1 + 1.3 * 0.25 / (0.3 * 0.25 + 1)) / 2; // one of them right, the other predicted as a whole
        Assert.Equal(expected, board.Result().FMeasure, 1e-9);
    }

    [Fact]
    public void Nothing_scored_is_not_a_number_and_nonsense_is_refused()
    {
        var board = new ScoreBoard(ScoreProtocol.Of(DatasetKind.V2, 2));
        Assert.Equal(new Scores(double.NaN, double.NaN, double.NaN, double.NaN, 0, 0), board.Result());
        Assert.Throws<ArgumentException>(() => board.Add("a", false, []));
        Assert.Throws<ArgumentException>(() => board.Add("a", true, [new FrameCounts([1], [1])]));
        Assert.Empty(board.Clips);
    }

    [Fact]
    public void A_protocol_says_what_it_is()
    {
        var avs = ScoreProtocol.Of(DatasetKind.V1s, 1024).ToString();
        string[] expected =
            ["1024 x 1024", "nearest", "empty ground truth", "beta^2 0.3", "255 thresholds", "over clips", "iou_select", "square root"];
        foreach (var words in expected)
            Assert.Contains(words, avs, StringComparison.Ordinal);
        Assert.Contains("batches of 4 clips", ScoreProtocol.Of(DatasetKind.RefAvs, 224).ToString(), StringComparison.Ordinal);
        Assert.Contains("first mask", ScoreProtocol.Of(DatasetKind.V2, 224, DecodeMode.First).ToString(), StringComparison.Ordinal);
        Assert.Contains("iou_occ_select", ScoreProtocol.Of(DatasetKind.V2, 224, DecodeMode.IouObject).ToString(), StringComparison.Ordinal);
    }

    private static FrameCounts[] Counts((float[] Logits, byte[] Labels)[] frames) =>
        [.. frames.Select(f => new FrameCounts(f.Logits, f.Labels))];
}
