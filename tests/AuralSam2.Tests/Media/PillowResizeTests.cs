using AuralSam2.Media;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class PillowResizeTests
{
    /// <summary>FNV-1a-64 of what Pillow 9.4 makes of the same noise with <c>resize((width, height), Image.BICUBIC)</c>.</summary>
    [Theory]
    [InlineData(37, 23, 64, 64, 0x49a03e0921799839)]
    [InlineData(300, 200, 97, 41, 0x13448d48ce5afe13)]
    [InlineData(640, 360, 512, 1024, 0x99125b3187d6b872)]
    [InlineData(1200, 700, 1024, 300, 0x8670dc992c9e502a)]
    [InlineData(5, 3, 1, 1, 0xd6285a18fbbf2d4c)]
    [InlineData(50, 40, 50, 80, 0x2dd6634570dfe74e)]
    [InlineData(1, 1, 7, 5, 0xfdea31036be0e7b9)]
    public void Every_bit_is_that_of_Pillow(int fromWidth, int fromHeight, int width, int height, ulong digest)
    {
        var result = PillowResize.Bicubic(TestPictures.Noise(fromWidth, fromHeight), width, height);
        Assert.Equal((width, height), (result.Width, result.Height));
        Assert.Equal(digest, TestPictures.Digest(result.Pixels));
    }

    /// <summary>The same, with <c>Image.BILINEAR</c> in colour and after <c>convert("L")</c>, and with <c>Image.NEAREST</c>.</summary>
    [Theory]
    [InlineData(37, 23, 64, 64, 0xa5daadca94d8f095, 0x90e1fff9213471d1, 0x37d512873670107b)]
    [InlineData(300, 200, 97, 41, 0xadd4a1dbe5164701, 0xf04b38acbb32c836, 0x906158f10fdcd857)]
    [InlineData(640, 360, 512, 1024, 0x0047c16c353f8a23, 0xa89306e0de86135c, 0xf17f7ebd331b7e52)]
    [InlineData(5, 3, 1, 1, 0xd62bb618fbc1ff77, 0xaf63f74c86021a6d, 0xaf64004c860229b8)]
    [InlineData(50, 40, 50, 80, 0xde9cd81c68b9428e, 0x3ba008f5263372a2, 0x5d793f76c54dc205)]
    [InlineData(1, 1, 7, 5, 0xfdea31036be0e7b9, 0x0239481f20eb9cf8, 0x0239481f20eb9cf8)]
    public void Every_bit_of_training_pictures_and_labels_is_that_of_Pillow(
        int fromWidth, int fromHeight, int width, int height, ulong colour, ulong grey, ulong nearest)
    {
        var image = TestPictures.Noise(fromWidth, fromHeight);
        var luma = GrayImage.LumaOf(image);
        Assert.Equal(colour, TestPictures.Digest(PillowResize.Bilinear(image, width, height).Pixels));
        Assert.Equal(grey, TestPictures.Digest(PillowResize.Bilinear(luma, width, height).Pixels));
        Assert.Equal(nearest, TestPictures.Digest(PillowResize.Nearest(luma, width, height).Pixels));
        Assert.Equal((width, height), (PillowResize.Nearest(luma, width, height).Width, PillowResize.Bilinear(luma, width, height).Height));
    }

    [Fact]
    public void Luma_is_that_of_Pillow() =>
        Assert.Equal(0xed5ee51187589d9b, TestPictures.Digest(GrayImage.LumaOf(TestPictures.Noise(300, 200)).Pixels));

    [Theory]
    [InlineData(31, 17, 64, 40)]
    [InlineData(64, 40, 31, 17)]
    [InlineData(20, 50, 33, 21)]
    public void It_is_cubic_interpolation(int fromWidth, int fromHeight, int width, int height)
    {
        // A gentle picture: where nothing overshoots, rounding between the passes is all that differs from float64.
        var image = new RgbImage(fromWidth, fromHeight, [.. Enumerable.Range(0, fromWidth * fromHeight * 3)
            .Select(i => (byte)(128 + 60 * Math.Sin(i / 3 % fromWidth * 0.3 + i % 3) * Math.Cos(i / 3 / fromWidth * 0.2)))]);
        var result = PillowResize.Bicubic(image, width, height).Pixels;
        var (columns, rows) = (Weights(fromWidth, width), Weights(fromHeight, height));
        for (var i = 0; i < result.Length; i++)
        {
            var (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
            var exact = 0.0;
            for (var v = 0; v < fromHeight; v++)
                for (var u = 0; u < fromWidth; u++) exact += rows[y, v] * columns[x, u] * image.Pixels[(v * fromWidth + u) * 3 + c];
            Assert.InRange(result[i] - Math.Round(exact), -1, 1);
        }
    }

    [Fact]
    public void Constants_stay_and_the_right_size_is_left_alone()
    {
        var image = new RgbImage(13, 7, [.. Enumerable.Repeat(new byte[] { 0, 255, 77 }, 13 * 7).SelectMany(p => p)]);
        Assert.Same(image, PillowResize.Bicubic(image, 13, 7));
        foreach (var (width, height) in new[] { (64, 64), (3, 2), (13, 50) })
            Assert.All(PillowResize.Bicubic(image, width, height).Pixels.Chunk(3), p => Assert.Equal([0, 255, 77], p));
    }

    /// <summary>Share of every input in every output along one axis.</summary>
    private static double[,] Weights(int inputs, int outputs)
    {
        var weights = new double[outputs, inputs];
        var scale = (double)inputs / outputs;
        for (var o = 0; o < outputs; o++)
        {
            var sum = 0.0;
            for (var i = 0; i < inputs; i++)
            {
                var t = Math.Abs((i + 0.5 - (o + 0.5) * scale) / Math.Max(scale, 1));
                sum += weights[o, i] = t < 1 ? 1.5 * t * t * t - 2.5 * t * t + 1 : t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0;
            }

            for (var i = 0; i < inputs; i++) weights[o, i] /= sum;
        }

        return weights;
    }
}
