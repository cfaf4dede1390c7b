using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Pooling: odd images lose their last row and column.</summary>
internal static class MaxPool2x2Cases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(0, 4, 6, 3) with { Tiny = true };
        yield return Of(0, 5, 7, 33);
        yield return Of(3, 9, 2, 17);
        yield return Of(2, 2, 3, 16);
        yield return Of(3, 5, 7, 4) with { Tiny = true }; // every image loses a row and a column
        yield return Of(2, 3, 2, 6) with { Tiny = true };
        yield return Of(0, 2, 3, 5) with { Tiny = true }; // one pixel is left
        yield return Of(0, 1, 4, 8) with { Tiny = true }; // nothing is left

        yield return Of(0, 256, 256, 192) with { Real = true }; // Hiera t, block 1
        yield return Of(0, 256, 256, 288) with { Real = true }; // l
        yield return Of(0, 64, 64, 768) with { Real = true }; // t, block 10
        yield return Of(10, 96, 64, 64) with { Real = true }; // VGGish, 5 s stereo
    }

    private static OpCase Of(int batch, int height, int width, int channels)
    {
        int[] Shape(int rows, int columns) => batch == 0 ? [rows, columns, channels] : [batch, rows, columns, channels];
        var images = Math.Max(1, batch);
        var outputs = (double)images * (height / 2) * (width / 2) * channels;
        return new OpCase
        {
            Op = "MaxPool2x2",
            Label = $"{(batch == 0 ? "" : $"{batch} x ")}{height}x{width}x{channels}",
            Operands = [new("x", OperandRole.Input, Shape(height, width)), new("y", OperandRole.Output, Shape(height / 2, width / 2))],
            Flops = 3 * outputs,
            Bytes = 4 * (((double)images * height * width * channels) + outputs),
            Budget = 0,
            Bind = (device, t) => new OpCall(() => MaxPool2x2.Forward(device, t[0], t[1])),
            Reference = v =>
            {
                for (var i = 0; i < v[1].Length; i++)
                {
                    var (c, pixel) = (i % channels, i / channels);
                    var (x, y, image) = (pixel % (width / 2), pixel / (width / 2) % (height / 2), pixel / (width / 2) / (height / 2));
                    double At(int dy, int dx) => v[0][((((((image * height) + (2 * y) + dy) * width) + (2 * x) + dx)) * channels) + c];
                    v[1][i] = new[] { At(0, 0), At(0, 1), At(1, 0), At(1, 1) }.Max();
                }
            },
        };
    }
}
