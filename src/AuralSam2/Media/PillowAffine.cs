namespace AuralSam2.Media;

/// <summary>
/// Affine maps of 8-bit pictures, to the bit as Pillow's <c>Image.transform(size, AFFINE, ...)</c>: pixel centres stand at
/// (x + 1/2, y + 1/2), and what comes from outside the picture is filled.
/// </summary>
public static class PillowAffine
{
    private const int FractionBits = 16;

    /// <summary>Interpolates between the four nearest pixels; at the edges the outermost pixel goes on for half a pixel.</summary>
    /// <param name="image">Picture.</param>
    /// <param name="inverse">From a place in the result to the place in the picture that it shows.</param>
    /// <param name="fill">Colour of what lies outside.</param>
    /// <returns>A picture of the same size.</returns>
    public static RgbImage Bilinear(RgbImage image, AffineMap inverse, (byte Red, byte Green, byte Blue) fill)
    {
        var (width, height) = (image.Width, image.Height);
        var source = image.Pixels;
        var result = new byte[source.Length];
        for (var y = 0; y < height; y++)
        {
            var row = result.AsSpan(y * width * 3, width * 3);
            for (var x = 0; x < width; x++)
            {
                var (u, v) = inverse.Apply(x + 0.5, y + 0.5);
                var pixel = row.Slice(3 * x, 3);
                if (!(u >= 0 && u < width && v >= 0 && v < height))
                {
                    (pixel[0], pixel[1], pixel[2]) = fill;
                    continue;
                }

                (u, v) = (u - 0.5, v - 0.5);
                int left = (int)Math.Floor(u), top = (int)Math.Floor(v);
                double dx = u - left, dy = v - top;
                int x0 = Math.Max(left, 0) * 3, x1 = Math.Min(left + 1, width - 1) * 3;
                int y0 = Math.Max(top, 0) * width * 3, y1 = Math.Min(top + 1, height - 1) * width * 3;
                for (var c = 0; c < 3; c++)
                {
                    double upper = source[y0 + x0 + c], lower = source[y1 + x0 + c];
                    upper += (source[y0 + x1 + c] - upper) * dx;
                    lower += (source[y1 + x1 + c] - lower) * dx;
                    pixel[c] = (byte)(upper + (lower - upper) * dy); // Pillow truncates here
                }
            }
        }

        return new RgbImage(width, height, result);
    }

    /// <summary>Takes the pixel that a place lies in; places are followed in 16.16 fixed point.</summary>
    /// <param name="image">Picture, below 32768 pixels in each direction.</param>
    /// <param name="inverse">From a place in the result to the place in the picture that it shows.</param>
    /// <param name="fill">Value of what lies outside.</param>
    /// <returns>A picture of the same size.</returns>
    public static GrayImage Nearest(GrayImage image, AffineMap inverse, byte fill)
    {
        var (width, height) = (image.Width, image.Height);
        var result = new byte[image.Pixels.Length];
        int stepX = Fixed(inverse.Xx), stepY = Fixed(inverse.Yx);
        var startX = Fixed(inverse.X0 + inverse.Xx * 0.5 + inverse.Xy * 0.5);
        var startY = Fixed(inverse.Y0 + inverse.Yx * 0.5 + inverse.Yy * 0.5);
        for (var y = 0; y < height; y++)
        {
            var (u, v) = (startX, startY);
            for (var x = 0; x < width; x++)
            {
                int column = u >> FractionBits, row = v >> FractionBits;
                var inside = (uint)column < (uint)width && (uint)row < (uint)height;
                result[y * width + x] = inside ? image.Pixels[row * width + column] : fill;
                u += stepX;
                v += stepY;
            }

            startX += Fixed(inverse.Xy);
            startY += Fixed(inverse.Yy);
        }

        return new GrayImage(width, height, result);
    }

    private static int Fixed(double value) => (int)Math.Floor(value * (1 << FractionBits) + 0.5);
}

/// <summary>x' = Xx x + Xy y + X0, y' = Yx x + Yy y + Y0, in pixels; y points down.</summary>
public readonly record struct AffineMap(double Xx, double Xy, double X0, double Yx, double Yy, double Y0)
{
    /// <summary>
    /// The inverse of: shear along x, then rotate, both about a centre. The map of torchvision's <c>affine</c> without translation and
    /// scale: forward, the linear part is R(rotation) [[1, -tan shear], [0, 1]]; positive angles turn clockwise on a screen.
    /// </summary>
    /// <param name="rotation">Degrees.</param>
    /// <param name="shear">Degrees, between -90 and 90.</param>
    /// <param name="centreX">What stays in place, in pixels from the left edge.</param>
    /// <param name="centreY">What stays in place, in pixels from the top edge.</param>
    public static AffineMap InverseOf(double rotation, double shear, double centreX, double centreY)
    {
        var (sin, cos) = Math.SinCos(rotation * (Math.PI / 180));
        var tan = Math.Tan(shear * (Math.PI / 180));

        // Forward [[cos, b], [sin, d]] has determinant 1.
        var b = -cos * tan - sin;
        var d = -sin * tan + cos;
        return new AffineMap(
            d, -b, d * -centreX - b * -centreY + centreX,
            -sin, cos, -sin * -centreX + cos * -centreY + centreY);
    }

    /// <summary>Maps a place.</summary>
    public (double X, double Y) Apply(double x, double y) => (Xx * x + Xy * y + X0, Yx * x + Yy * y + Y0);
}
