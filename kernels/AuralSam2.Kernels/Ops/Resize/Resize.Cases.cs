using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Every mode up, down and sideways; sizes whose ratio is no integer.</summary>
internal static class ResizeCases
{
    public static IEnumerable<OpCase> All()
    {
        foreach (var mode in Enum.GetValues<ResizeMode>())
        {
            yield return Of(0, 3, 4, 6, 8, mode) with { Tiny = true };
            yield return Of(2, 13, 9, 31, 20, mode); // up
            yield return Of(6, 3, 5, 7, 9, mode) with { Tiny = true }; // planes
            yield return Of(0, 33, 29, 8, 7, mode) with { Tiny = true }; // down
            yield return Of(2, 19, 12, 5, 4, mode) with { Tiny = true };
            yield return Of(0, 10, 31, 23, 11, mode); // taller and narrower
            yield return Of(0, 5, 1, 5, 3, mode) with { Tiny = true }; // one column
            yield return Of(3, 7, 6, 7, 6, mode) with { Tiny = true }; // the same size: a copy
        }

        yield return Of(0, 2, 5003, 1, 2, ResizeMode.BilinearAntialiased) with { Tiny = true }; // a triangle wider than what a GPU holds of a row

        yield return Of(3, 256, 256, 1024, 1024, ResizeMode.Bilinear) with { Real = true }; // masks to the image
        yield return Of(1, 1024, 1024, 256, 256, ResizeMode.BilinearAntialiased) with { Real = true };
        yield return Of(96, 7, 7, 256, 256, ResizeMode.Bicubic) with { Real = true }; // Hiera t, positions
    }

    private static OpCase Of(int planes, int height, int width, int newHeight, int newWidth, ResizeMode mode)
    {
        var count = Math.Max(1, planes);
        return new OpCase
        {
            Op = "Resize",
            Label = $"{mode} {(planes == 0 ? "" : $"{planes} x ")}{height}x{width} -> {newHeight}x{newWidth}",
            Operands =
            [
                new("x", OperandRole.Input, planes == 0 ? [height, width] : [planes, height, width]),
                new("y", OperandRole.Output, planes == 0 ? [newHeight, newWidth] : [planes, newHeight, newWidth]),
            ],
            Flops = 8.0 * count * newHeight * newWidth,
            Bytes = 4.0 * count * (((double)height * width) + ((double)newHeight * newWidth)),
            // Weights rounded to float32, two short sums; under a wide triangle long ones, which cancel.
            Budget = mode == ResizeMode.Nearest ? 0 : 5e-7 + (mode == ResizeMode.BilinearAntialiased ? SumBudget(height, newHeight, width, newWidth) : 0),
            Bind = (device, t) => new OpCall(() => Resize.Forward(device, t[0], t[1], mode)),
            Reference = v =>
            {
                for (var i = 0; i < v[1].Length; i++)
                {
                    var (column, row, plane) = (i % newWidth, i / newWidth % newHeight, i / newWidth / newHeight);
                    var sum = 0.0;
                    foreach (var (y, weightY) in Axis(mode, height, newHeight, row))
                        foreach (var (x, weightX) in Axis(mode, width, newWidth, column))
                            sum += weightY * weightX * v[0][(((plane * height) + y) * width) + x];
                    v[1][i] = sum;
                }
            },
        };
    }

    private static double SumBudget(double height, double newHeight, double width, double newWidth) =>
        4e-8 * Math.Sqrt(Math.Max(1, height / newHeight) * Math.Max(1, width / newWidth));

    /// <summary>The inputs of one output along one axis: the mode's kernel sampled at the distance of every input, borders repeated.</summary>
    private static IEnumerable<(int Input, double Weight)> Axis(ResizeMode mode, int inputs, int outputs, int output)
    {
        var scale = (double)inputs / outputs;
        var center = ((output + 0.5) * scale) - 0.5;
        switch (mode)
        {
            case ResizeMode.Nearest:
                return [(output * inputs / outputs, 1)];
            case ResizeMode.BilinearAntialiased:
                // The triangle is cut at the border and what is left sums to one.
                var taps = Enumerable.Range(0, inputs)
                    .Select(i => (i, Triangle((i - center) / Math.Max(1, scale)))).Where(t => t.Item2 > 0).ToArray();
                return taps.Select(t => (t.i, t.Item2 / taps.Sum(u => u.Item2)));
            default:
                var first = (int)Math.Floor(center);
                return Enumerable.Range(first - 1, 4).Select(i =>
                    (Math.Clamp(i, 0, inputs - 1), mode == ResizeMode.Bicubic ? Cubic(i - center) : Triangle(i - center)));
        }
    }

    private static double Triangle(double t) => Math.Max(0, 1 - Math.Abs(t));

    /// <summary>Keys (1981), equation 4 with a = -3/4.</summary>
    private static double Cubic(double t)
    {
        const double a = -0.75;
        t = Math.Abs(t);
        if (t < 1) return ((a + 2) * t * t * t) - ((a + 3) * t * t) + 1;
        return t < 2 ? (a * t * t * t) - (5 * a * t * t) + (8 * a * t) - (4 * a) : 0;
    }
}
