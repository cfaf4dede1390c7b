using AuralSam2.Kernels;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>Which mask becomes the answer, and weights with and without language. Weights are changed so that the choice is known.</summary>
public sealed class DecodeAndVariantTests : IDisposable
{
    private const string ObjectBias = "sam_mask_decoder.pred_obj_score_head.layers.2.bias";
    private const string IouBias = "sam_mask_decoder.iou_prediction_head.layers.2.bias";

    private readonly CpuDevice device = new(2);

    public void Dispose() => device.Dispose();

    [Fact]
    public void Iou_object_draws_nothing_where_the_object_score_is_negative()
    {
        using var absent = Load(name => name == ObjectBias ? [-9] : null);
        var drawn = Segment(absent, DecodeMode.Iou);
        var nothing = Segment(absent, DecodeMode.IouObject);
        Assert.All(drawn.Concat(nothing), f => Assert.True(f.ObjectScore < 0));
        Assert.Contains(drawn, f => f.Mask.Contains((byte)255));
        Assert.All(nothing, f => Assert.DoesNotContain((byte)255, f.Mask));

        using var present = Load(name => name == ObjectBias ? [9] : null);
        Assert.Equal(Segment(present, DecodeMode.Iou).Select(f => f.Mask), Segment(present, DecodeMode.IouObject).Select(f => f.Mask));
    }

    [Fact]
    public void First_is_the_first_of_the_three_masks_and_its_score()
    {
        using var firstIsBest = Load(name => name == IouBias ? [0, 9, -9, -9] : null);
        using var lastIsBest = Load(name => name == IouBias ? [0, -9, -9, 9] : null);
        // Without memory the masks are the same, whichever is best.
        var expected = Segment(firstIsBest, DecodeMode.Iou)[0];
        var first = Segment(lastIsBest, DecodeMode.First)[0];
        Assert.Equal(expected.Mask, first.Mask);
        Assert.True(first.PredictedIou < 0.1 && expected.PredictedIou > 0.9);
        Assert.NotEqual(expected.Mask, Segment(lastIsBest, DecodeMode.Iou)[0].Mask);
        Assert.Equal(expected.Mask, Segment(firstIsBest, DecodeMode.First)[0].Mask);
    }

    [Fact]
    public void Ref_weights_need_the_features_of_a_sentence_and_heed_them()
    {
        using var model = AuralSam2Model.Load(device, "mini", new ChangedWeights(_ => null, "aural_fuser.text_proj.0.weight"));
        Assert.Equal(FuserVariant.Ref, model.Variant);
        var predictor = new AudioVisualPredictor(model);
        var error = Assert.Throws<ArgumentException>(() => predictor.Segment(new GeneratedFrames(3), GeneratedFrames.Sound(), new SegmentOptions()));
        Assert.Contains("sentence", error.Message, StringComparison.Ordinal);

        float[] Scores(float word) => [.. predictor
            .Segment(new GeneratedFrames(3), GeneratedFrames.Sound(), new SegmentOptions { TextFeatures = [.. Enumerable.Range(0, 25 * 768).Select(i => word * MathF.Sin(i))] })
            .Select(f => f.PredictedIou)];
        Assert.NotEqual(Scores(1), Scores(-1));
        Assert.ThrowsAny<ArgumentException>(() => predictor.Segment(new GeneratedFrames(3), GeneratedFrames.Sound(), new SegmentOptions { TextFeatures = new float[768] }));
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    [Fact]
    public void A_release_is_recognised_by_its_tensors()
    {
        using var model = AuralSam2Model.Load(device, "mini", new ChangedWeights(_ => null, "no_obj_embed_spatial"));
        Assert.Equal(Sam2Version.V21, model.Version);
        Assert.Equal(3, new AudioVisualPredictor(model).Segment(new GeneratedFrames(3), GeneratedFrames.Sound(), new SegmentOptions()).Count());
    }

    [Theory]
    [InlineData(64)]
    [InlineData(224)]
    public void Any_image_size_will_do(int size)
    {
        using var model = AuralSam2Model.Load(device, "mini", new ChangedWeights(_ => null), imageSize: size);
        Assert.Equal(size, model.ImageSize);
        Assert.Equal(2, Segment(model, DecodeMode.Iou).Length);
    }

    private AuralSam2Model Load(Func<string, float[]?> change) => AuralSam2Model.Load(device, "mini", new ChangedWeights(change));

    private static SegmentedFrame[] Segment(AuralSam2Model model, DecodeMode decode) =>
        [.. new AudioVisualPredictor(model).Segment(new GeneratedFrames(2), GeneratedFrames.Sound(), new SegmentOptions { Decode = decode })];
}
