using AuralSam2.Metrics;
using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Metrics;

public sealed class MaskChoiceTests
{
    [Theory]
    [InlineData(DecodeMode.First, -1, 0, false)]
    [InlineData(DecodeMode.Iou, -1, 2, false)]
    [InlineData(DecodeMode.IouObject, -1, 2, true)]
    [InlineData(DecodeMode.IouObject, 0, 2, false)]
    [InlineData(DecodeMode.IouObject, 1, 2, false)]
    public void Modes_choose_as_the_original(DecodeMode mode, float objectLogit, int index, bool silenced)
    {
        Assert.Equal(new MaskChoice(index, silenced), MaskChoice.Of(mode, [0.1f, 0.3f, 0.9f], objectLogit));
        float[] masks = [1, 2, 3, 4, 5, 6];
        float[] expected = silenced ? [0, 0] : index == 0 ? [1, 2] : [5, 6];
        Assert.Equal(expected, MaskChoice.Of(mode, [0.1f, 0.3f, 0.9f], objectLogit).Take(masks).ToArray());
    }

    [Fact]
    public void Of_equal_masks_the_first_wins()
    {
        Assert.Equal(1, MaskChoice.Of(DecodeMode.Iou, [0.1f, 0.9f, 0.9f], 1).Index);
        Assert.Equal(0, MaskChoice.Of(DecodeMode.Iou, [0.5f, 0.5f, 0.5f], 1).Index);
        Assert.Throws<ArgumentException>(() => MaskChoice.Of(DecodeMode.Iou, [0.5f], 1));
        Assert.Throws<ArgumentException>(() => new MaskChoice(0, false).Take(new float[4]));
    }

    [Fact]
    public void Silence_is_a_logit_of_zero_which_the_low_thresholds_of_F_still_reach()
    {
        var masks = new float[] { -5, -5, -5, -5, 9, 9, 9, 9, -5, -5, -5, -5 };
        var frame = new FrameCounts(MaskChoice.Of(DecodeMode.IouObject, [0, 1, 0], -0.1f).Take(masks), [1, 0, 0, 0]);
        Assert.Equal((0, 0), (frame.Predicted, frame.Jaccard));
        var sums = new double[LogitBins.Thresholds];
        frame.AddFMeasures(sums);
        Assert.Equal(1.3 * 0.25 / (0.3 * 0.25 + 1), sums[127], 1e-12); // 127 / 254, less a hair, is reached by 1/2
        Assert.Equal(0, sums[128]);
    }
}
