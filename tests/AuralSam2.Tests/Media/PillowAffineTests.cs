using AuralSam2.Media;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class PillowAffineTests
{
    /// <summary>
    /// FNV-1a-64 of what Pillow 9.4 makes of the noise with the matrix that torchvision's <c>affine</c> hands it for this rotation and shear:
    /// bilinear, filled with (123, 116, 103), and after <c>convert("L")</c> nearest, filled with 0.
    /// </summary>
    [Theory]
    [InlineData(64, 48, 17.25, -12.5, 0xa28316e640bb6de8, 0x7bc0e6d7c9a0fc67)]
    [InlineData(97, 41, -25, 20, 0x9aaa1c2e100f5db8, 0x6ec955626980c367)]
    [InlineData(320, 240, 3.7, 8.1, 0xcb8cd4f91427816e, 0x3f1d0aa4fb658892)]
    [InlineData(33, 65, 0.4, 0, 0x3a3b699399c8c888, 0xa9aac18e05242c46)]
    [InlineData(40, 30, -8, -20, 0x9b4ba9fbc225d64e, 0x856d3e11271fea48)]
    public void Every_bit_is_that_of_Pillow(int width, int height, double rotation, double shear, ulong bilinear, ulong nearest)
    {
        var image = TestPictures.Noise(width, height);
        var map = AffineMap.InverseOf(rotation, shear, width * 0.5, height * 0.5);
        Assert.Equal(bilinear, TestPictures.Digest(PillowAffine.Bilinear(image, map, (123, 116, 103)).Pixels));
        Assert.Equal(nearest, TestPictures.Digest(PillowAffine.Nearest(GrayImage.LumaOf(image), map, 0).Pixels));
    }

    [Fact]
    public void The_centre_stays_and_positive_angles_turn_clockwise()
    {
        var map = AffineMap.InverseOf(90, 0, 10, 20);
        Assert.Equal((10, 20), Rounded(map.Apply(10, 20)));

        // What is seen below the centre was to its right: on a screen, a quarter turn clockwise.
        Assert.Equal((15, 20), Rounded(map.Apply(10, 25)));

        // Shear alone moves rows against each other: below the centre to the left, so what is seen there was further to the right.
        var sheared = AffineMap.InverseOf(0, 45, 10, 20);
        Assert.Equal((15, 25), Rounded(sheared.Apply(10, 25)));
        Assert.Equal((10, 20), Rounded(sheared.Apply(10, 20)));
    }

    [Fact]
    public void A_quarter_turn_of_a_square_moves_every_pixel_to_its_place()
    {
        var image = new GrayImage(3, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        Assert.Equal([7, 4, 1, 8, 5, 2, 9, 6, 3], PillowAffine.Nearest(image, AffineMap.InverseOf(90, 0, 1.5, 1.5), 0).Pixels);
        var turned = PillowAffine.Bilinear(image.ToRgb(), AffineMap.InverseOf(180, 0, 1.5, 1.5), (0, 0, 0));
        for (var i = 0; i < 9; i++) Assert.InRange(turned.Pixels[3 * i] - (9 - i), -1, 0); // truncated, as sin(180 degrees) is not quite 0
    }

    private static (int X, int Y) Rounded((double X, double Y) place) => ((int)Math.Round(place.X), (int)Math.Round(place.Y));
}
