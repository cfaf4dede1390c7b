using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>Kind image_encoder: trunk, neck, positions, and the decoder's two high-resolution maps.</summary>
internal static class ImageEncoderFixture
{
    /// <summary>Scale of image inputs by the rule.</summary>
    public const double ImageScale = 2;

    public static void Run(Device device, StageComparison comparison)
    {
        var fixture = comparison.Fixture;
        var config = fixture.Sam2();
        using var weights = fixture.Weights();
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        var encoder = new ImageEncoder(config, binder);
        var decoder = new MaskDecoder(binder);
        using var scope = device.Scope();
        var image = device.Rent(config.ImageSize, config.ImageSize, 3);
        device.Upload(fixture.Map("input.image", ImageScale, 1, 3, config.ImageSize), image);
        var observe = comparison.Observer();
        // An observed trunk works on whole images; once more as in production, in bands. The worse of the two comparisons counts.
        encoder.Forward(image, observe);
        var levels = encoder.Forward(image);
        for (var level = 0; level < levels.Length; level++) observe($"fpn.{level}", levels[level], StageLayout.Map);

        var (channels4, channels8) = MaskDecoder.HighResChannels;
        Tensor stride4 = device.Rent(4 * config.Grid, 4 * config.Grid, channels4), stride8 = device.Rent(2 * config.Grid, 2 * config.Grid, channels8);
        decoder.HighResolution(levels, stride4, stride8);
        observe("high_res.0", stride4, StageLayout.Map);
        observe("high_res.1", stride8, StageLayout.Map);
        for (var level = 0; level < 4; level++)
        {
            var edge = 4 * config.Grid >> level;
            var positions = PositionEncoding.Sine2D(edge, edge, FpnNeck.Channels);
            var shape = new Shape(edge, edge, FpnNeck.Channels);
            comparison.Compare($"vision_pos_enc.{level}", positions, StageLayout.Map, shape, 0);
            // The neck makes them coarsest first; a module that is called again gets a number in the fixture.
            comparison.Compare(level == 3 ? "neck.position_encoding" : $"neck.position_encoding#{3 - level}", positions, StageLayout.Map, shape, 0);
        }
    }
}
