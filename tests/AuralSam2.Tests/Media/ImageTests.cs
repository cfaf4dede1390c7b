using AuralSam2.Media;
using StbImageWriteSharp;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class ImageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Pictures_read_back_as_written()
    {
        var image = TestPictures.Noise(17, 9);
        PngWriter.WriteRgb(folder["a.png"], image);
        var read = ImageReader.Read(folder["a.png"]);
        Assert.Equal((17, 9), (read.Width, read.Height));
        Assert.Equal(image.Pixels, read.Pixels);
        Assert.Equal((17, 9), ImageReader.ReadSize(folder["a.png"]));
        Assert.Single(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void Grey_becomes_rgb_and_alpha_is_dropped()
    {
        PngWriter.WriteGray(folder["g.png"], 2, 1, [7, 200]);
        Assert.Equal([7, 7, 7, 200, 200, 200], ImageReader.Read(folder["g.png"]).Pixels);
        using (var stream = File.Create(folder["a.png"]))
            new ImageWriter().WritePng((byte[])[1, 2, 3, 0, 4, 5, 6, 128], 2, 1, ColorComponents.RedGreenBlueAlpha, stream);
        Assert.Equal([1, 2, 3, 4, 5, 6], ImageReader.Read(folder["a.png"]).Pixels);
    }

    [Fact]
    public void A_new_file_replaces_an_old_one_or_leaves_it_alone()
    {
        PngWriter.WriteGray(folder["a.png"], 1, 1, [1]);
        PngWriter.WriteGray(folder["a.png"], 1, 1, [2]);
        Assert.Equal(2, ImageReader.Read(folder["a.png"]).Pixels[0]);
        Assert.Throws<ArgumentException>(() => PngWriter.WriteGray(folder["a.png"], 2, 2, [1]));
        Assert.Equal(2, ImageReader.Read(folder["a.png"]).Pixels[0]);
        MediaAssert.Fails(() => PngWriter.WriteGray(folder["none/a.png"], 1, 1, [1]), "a.png", "does not exist");
    }

    [Theory]
    [InlineData("png")]
    [InlineData("jpg")]
    [InlineData("bmp")]
    public void A_picture_that_is_cut_off_is_refused_wherever_it_is_cut(string kind)
    {
        var whole = TestPictures.Encode(TestPictures.Noise(24, 18), kind);
        Assert.Equal(24, ImageReader.Read(folder.Write("whole." + kind, whole)).Width);
        for (var length = 0; length < whole.Length - 12; length += 11)
        {
            var path = folder.Write("cut." + kind, whole.AsSpan(0, length));
            MediaAssert.Fails(() => ImageReader.Read(path), "cut." + kind);
            MediaAssert.Fails(() => ImageReader.ReadSize(path), "cut." + kind); // found without decoding
        }
    }

    [Fact]
    public void Damage_never_escapes_as_anything_but_a_media_exception()
    {
        var random = new Random(1);
        foreach (var kind in new[] { "png", "jpg", "bmp" })
        {
            var whole = TestPictures.Encode(TestPictures.Noise(24, 18), kind);
            for (var trial = 0; trial < 60; trial++)
            {
                var bytes = (byte[])whole.Clone();
                for (var hits = 0; hits < 4; hits++) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                var path = folder.Write("damaged." + kind, bytes);
                try
                {
                    ImageReader.ReadSize(path);
                    ImageReader.Read(path);
                }
                catch (MediaException e)
                {
                    Assert.Contains("damaged." + kind, e.Message, StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public void What_is_no_picture_says_so()
    {
        MediaAssert.Fails(() => ImageReader.Read(folder["none.png"]), "none.png", "no such file");
        MediaAssert.Fails(() => ImageReader.Read(folder.Write("t.png", "hello, this is text"u8)), "t.png", "no picture", "PNG");
        MediaAssert.Fails(() => ImageReader.ReadSize(folder.Write("t.png", "hello, this is text"u8)), "t.png", "no picture");
        MediaAssert.Fails(() => ImageReader.Read(folder.Write("e.png", [])), "e.png", "empty");
    }

    [Fact]
    public void Normalised_pixels_are_channel_last()
    {
        var values = new float[6];
        ImageNormalizer.ToChannelLast(new RgbImage(2, 1, [0, 128, 255, 255, 0, 64]), values);
        double[] expected =
        [
            (0 - 0.485) / 0.229, (128 / 255.0 - 0.456) / 0.224, (1 - 0.406) / 0.225,
            (1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (64 / 255.0 - 0.406) / 0.225,
        ];
        for (var i = 0; i < 6; i++) Assert.Equal(expected[i], values[i], 1e-6);
        Assert.Throws<ArgumentException>(() => ImageNormalizer.ToChannelLast(new RgbImage(2, 1, new byte[6]), new float[5]));
    }
}
