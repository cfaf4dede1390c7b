using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Depthwise convolutions: images narrower and lower than the kernel, and channels that are no whole vectors.</summary>
internal static class DepthwiseConv2dCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(0, 3, 4, 5, 3) with { Tiny = true };
        yield return Of(0, 1, 1, 16, 3) with { Tiny = true }; // one pixel
        yield return Of(0, 2, 2, 19, 7); // smaller than the kernel both ways
        yield return Of(0, 12, 3, 16, 7); // only narrower
        yield return Of(0, 9, 10, 33, 7); // exactly one run of four pixels inside
        yield return Of(0, 3, 19, 4, 3) with { Tiny = true }; // two GPU runs of eight pixels and three more
        yield return Of(0, 1, 3, 5, 3) with { Tiny = true }; // one run
        yield return Of(0, 4, 9, 6, 7, Activation.Gelu) with { Tiny = true };
        yield return Of(0, 4, 9, 6, 3, frozen: true) with { Tiny = true };
        yield return Of(2, 3, 10, 8, 5, Activation.Relu) with { Tiny = true };
        yield return Of(0, 8, 17, 4, 7, Activation.Sigmoid) with { Tiny = true };
        yield return Of(0, 2, 12, 4, 9) with { Tiny = true }; // three blocks of taps
        yield return Of(2, 7, 21, 24, 7, Activation.Gelu);
        yield return Of(3, 5, 6, 17, 3, Activation.Relu); // exactly one run of four
        yield return Of(0, 8, 19, 64, 3, Activation.Gelu);
        yield return Of(0, 4, 5, 3, 1) with { Tiny = true };

        yield return Of(0, 64, 64, 256, 7) with { Real = true }; // memory encoder
        yield return Of(0, 64, 64, 1024, 3, Activation.Gelu) with { Real = true }; // AuralFuser, a frame
        yield return Of(5, 64, 64, 1024, 3, Activation.Gelu) with { Real = true }; // AuralFuser, 5 frames
    }

    private static OpCase Of(int batch, int height, int width, int channels, int kernel, Activation activation = Activation.None, bool frozen = false)
    {
        int[] shape = batch == 0 ? [height, width, channels] : [batch, height, width, channels];
        var length = (double)Math.Max(1, batch) * height * width * channels;
        return new OpCase
        {
            Op = "DepthwiseConv2d",
            Label = $"{(batch == 0 ? "" : $"{batch} x ")}{height}x{width}x{channels}, kernel {kernel}" +
                (activation == Activation.None ? "" : $", {activation}"),
            Operands =
            [
                new("x", OperandRole.Input, shape),
                new("weight", OperandRole.Input, [channels, 1, kernel, kernel], Constant: frozen),
                new("bias", OperandRole.Input, [channels], Constant: frozen),
                new("y", OperandRole.Output, shape),
            ],
            Flops = 2 * length * kernel * kernel,
            Bytes = 8 * length,
            Budget = ReferenceMath.SumBudget(kernel * kernel),
            Bind = (device, t) =>
            {
                var weights = frozen
                    ? DepthwiseConv2d.Pack(device, device.Download(t[1]), device.Download(t[2]))
                    : DepthwiseConv2d.Pack(device, t[1], t[2]);
                return new OpCall(() => DepthwiseConv2d.Forward(device, t[0], weights, t[3], activation), weights);
            },
            Reference = v =>
            {
                var half = kernel / 2;
                for (var i = 0; i < v[3].Length; i++)
                {
                    var (c, pixel) = (i % channels, i / channels);
                    var (ox, oy, image) = (pixel % width, pixel / width % height, pixel / width / height);
                    var sum = v[2][c];
                    for (var y = Math.Max(0, oy - half); y <= Math.Min(height - 1, oy + half); y++)
                        for (var x = Math.Max(0, ox - half); x <= Math.Min(width - 1, ox + half); x++)
                            sum += v[0][(((((image * height) + y) * width) + x) * channels) + c] *
                                v[1][(((c * kernel) + y - oy + half) * kernel) + x - ox + half];
                    v[3][i] = ReferenceMath.Activate(activation, sum);
                }
            },
        };
    }
}
