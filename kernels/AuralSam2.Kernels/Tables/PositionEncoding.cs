namespace AuralSam2.Kernels.Tables;

/// <summary>
/// Tables that say where a token stands. They are made once per size on the host, in the precision that checkpoints were trained with,
/// and uploaded.
/// </summary>
public static class PositionEncoding
{
    /// <summary>Sines and cosines of a grid cell's row and column (DETR's normalised encoding, temperature 10000).</summary>
    /// <param name="height">Rows of the grid.</param>
    /// <param name="width">Columns of the grid.</param>
    /// <param name="features">Channels, a multiple of 4: the first half encodes the row, the second the column.</param>
    /// <returns><c>[height * width, features]</c>.</returns>
    public static float[] Sine2D(int height, int width, int features)
    {
        var half = features / 2;
        float[] rows = Axis(height, half), columns = Axis(width, half);
        var table = new float[height * width * features];
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var cell = table.AsSpan(((y * width) + x) * features, features);
                rows.AsSpan(y * half, half).CopyTo(cell);
                columns.AsSpan(x * half, half).CopyTo(cell[half..]);
            }
        }

        return table;
    }

    /// <summary>Encoding of scalar positions: a block of sines, then a block of cosines.</summary>
    /// <param name="positions">Positions, any real numbers.</param>
    /// <param name="features">Channels, even.</param>
    /// <returns><c>[positions, features]</c>.</returns>
    public static float[] Sine1D(ReadOnlySpan<float> positions, int features)
    {
        var half = features / 2;
        var table = new float[positions.Length * features];
        for (var p = 0; p < positions.Length; p++)
        {
            for (var i = 0; i < half; i++)
            {
                var angle = positions[p] / (float)Math.Pow(10000.0, 2.0 * (i / 2) / half);
                table[(p * features) + i] = (float)Math.Sin(angle);
                table[(p * features) + half + i] = (float)Math.Cos(angle);
            }
        }

        return table;
    }

    /// <summary>Random Fourier features of points in the unit square: SAM's prompt positions.</summary>
    /// <param name="points"><c>[points, 2]</c>, x then y, in 0 .. 1.</param>
    /// <param name="gaussian"><c>[2, n]</c>, the checkpoint's random matrix.</param>
    /// <returns><c>[points, 2 n]</c>: sines, then cosines, of 2 pi (2 p - 1) G.</returns>
    public static float[] Fourier(ReadOnlySpan<float> points, ReadOnlySpan<float> gaussian)
    {
        var n = gaussian.Length / 2;
        var table = new float[points.Length / 2 * 2 * n];
        for (var p = 0; p < points.Length / 2; p++)
        {
            float x = (2 * points[2 * p]) - 1, y = (2 * points[(2 * p) + 1]) - 1;
            for (var i = 0; i < n; i++)
            {
                var angle = 2 * MathF.PI * ((x * gaussian[i]) + (y * gaussian[n + i]));
                table[(p * 2 * n) + i] = (float)Math.Sin(angle);
                table[(p * 2 * n) + n + i] = (float)Math.Cos(angle);
            }
        }

        return table;
    }

    /// <summary>Random Fourier features of the cell centres of a square grid.</summary>
    /// <returns><c>[edge * edge, 2 n]</c>.</returns>
    public static float[] FourierGrid(int edge, ReadOnlySpan<float> gaussian)
    {
        var points = new float[edge * edge * 2];
        for (var i = 0; i < edge * edge; i++)
        {
            points[2 * i] = ((i % edge) + 0.5f) / edge;
            points[(2 * i) + 1] = ((i / edge) + 0.5f) / edge;
        }

        return Fourier(points, gaussian);
    }

    /// <summary>One axis: position p (from 1) of n is the angle 2 pi p / n at frequencies 10000^(-2 floor(c / 2) / features).</summary>
    private static float[] Axis(int n, int features)
    {
        var table = new float[n * features];
        for (var p = 0; p < n; p++)
        {
            var angle = (float)((p + 1) / (n + 1e-6) * 2 * Math.PI);
            for (var c = 0; c < features; c++)
            {
                var t = angle / (float)Math.Pow(10000.0, 2.0 * (c / 2) / features);
                table[(p * features) + c] = (float)(c % 2 == 0 ? Math.Sin(t) : Math.Cos(t));
            }
        }

        return table;
    }
}
