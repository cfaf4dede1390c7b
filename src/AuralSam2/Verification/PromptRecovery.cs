using AuralSam2.Models.Sam2;

namespace AuralSam2.Verification;

/// <summary>
/// Finds the point behind a prompt token. Fixtures store tokens but not the points they were made of; a token is 256 numbers made of two
/// coordinates and a label, so the point can be solved for, and encoding it again is a check of all 256.
/// </summary>
internal static class PromptRecovery
{
    private const int CoarseCells = 64;
    private const int Refinements = 12;

    /// <summary>The point of a token.</summary>
    /// <param name="token"><c>[256]</c>.</param>
    /// <param name="encoder">The encoder with the fixture's weights.</param>
    /// <param name="imageSize">Edge of the input in pixels.</param>
    /// <returns>A padding point when no label fits.</returns>
    public static PromptPoint Find(ReadOnlySpan<float> token, PromptEncoder encoder, int imageSize)
    {
        var n = encoder.Gaussian.Length / 2;
        for (var label = PointLabel.Negative; label <= PointLabel.BoxBottomRight; label++)
        {
            var learned = encoder.LabelEmbedding(label);
            var phases = new double[n];
            var fits = true;
            for (var i = 0; i < n && fits; i++)
            {
                double sine = token[i] - learned[i], cosine = token[n + i] - learned[n + i];
                fits = Math.Abs((sine * sine) + (cosine * cosine) - 1) < 1e-3; // with the right label, sine and cosine of one angle
                phases[i] = Math.Atan2(sine, cosine) / (2 * Math.PI);
            }

            if (!fits) continue;
            var (x, y) = Refine(phases, encoder.Gaussian, Coarse(phases, encoder.Gaussian));
            return new PromptPoint((float)(((x + 1) / 2 * imageSize) - 0.5), (float)(((y + 1) / 2 * imageSize) - 0.5), label);
        }

        return new PromptPoint(0, 0, PointLabel.Padding);
    }

    /// <summary>The cell of a coarse grid over -1 .. 1 squared whose angles agree best.</summary>
    private static (double X, double Y) Coarse(double[] phases, ReadOnlySpan<float> gaussian)
    {
        var (best, bestX, bestY) = (double.PositiveInfinity, 0.0, 0.0);
        for (var row = 0; row < CoarseCells; row++)
        {
            for (var column = 0; column < CoarseCells; column++)
            {
                double x = ((2.0 * column) + 1 - CoarseCells) / CoarseCells, y = ((2.0 * row) + 1 - CoarseCells) / CoarseCells;
                var error = 0.0;
                for (var i = 0; i < phases.Length && error < best; i++) error += 1 - Math.Cos(2 * Math.PI * Difference(phases, gaussian, i, x, y));
                if (error < best) (best, bestX, bestY) = (error, x, y);
            }
        }

        return (bestX, bestY);
    }

    /// <summary>Gauss-Newton on the wrapped differences of the angles.</summary>
    private static (double X, double Y) Refine(double[] phases, ReadOnlySpan<float> gaussian, (double X, double Y) start)
    {
        var (x, y) = start;
        for (var step = 0; step < Refinements; step++)
        {
            double xx = 0, xy = 0, yy = 0, rx = 0, ry = 0;
            for (var i = 0; i < phases.Length; i++)
            {
                double gx = gaussian[i], gy = gaussian[phases.Length + i], r = Difference(phases, gaussian, i, x, y);
                xx += gx * gx;
                xy += gx * gy;
                yy += gy * gy;
                rx += gx * r;
                ry += gy * r;
            }

            var determinant = (xx * yy) - (xy * xy);
            x += ((yy * rx) - (xy * ry)) / determinant;
            y += ((xx * ry) - (xy * rx)) / determinant;
        }

        return (x, y);
    }

    /// <summary>Turns between the stored angle and that of (x, y), in -1/2 .. 1/2.</summary>
    private static double Difference(double[] phases, ReadOnlySpan<float> gaussian, int i, double x, double y)
    {
        var turns = phases[i] - ((x * gaussian[i]) + (y * gaussian[phases.Length + i]));
        return turns - Math.Round(turns);
    }
}
