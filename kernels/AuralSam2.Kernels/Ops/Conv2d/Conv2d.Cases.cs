using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>One convolution, as a case describes it; <see cref="Batch"/> 0 means an image without a batch dimension.</summary>
internal sealed record ConvShape(int Height, int Width, int Channels, int Outputs, int Kernel, int Stride, int Padding)
{
    public int Batch { get; init; }

    public bool Bias { get; init; } = true;

    public Activation Activation { get; init; }

    /// <summary>Images of the residual: 0 for none, 1 to repeat one for the whole batch.</summary>
    public int ResidualImages { get; init; }

    public int GapY { get; init; }

    /// <summary>Whether the weights are packed from host values and never trained.</summary>
    public bool Frozen { get; init; }

    public int OutputHeight => ((Height + (2 * Padding) - Kernel) / Stride) + 1;

    public int OutputWidth => ((Width + (2 * Padding) - Kernel) / Stride) + 1;

    public override string ToString()
    {
        var text = $"{(Batch == 0 ? "" : $"{Batch} x ")}{Height}x{Width}x{Channels} -> {Outputs}, kernel {Kernel} stride {Stride} padding {Padding}";
        if (!Bias) text += ", no bias";
        if (Activation != Activation.None) text += $", {Activation}";
        if (ResidualImages > 0) text += $", residual of {ResidualImages}";
        return GapY > 0 ? text + ", strided" : text;
    }
}

/// <summary>Convolutions: every kind the model has, on images whose borders matter.</summary>
internal static class Conv2dCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(new(4, 5, 2, 3, 3, 1, 1)) with { Tiny = true };
        yield return Of(new(6, 6, 3, 5, 2, 2, 0)) with { Tiny = true };
        yield return Of(new(5, 6, 3, 5, 7, 4, 3)) with { Tiny = true }; // patch embedding: wider than the image, channels not in fours
        yield return Of(new(4, 5, 4, 6, 3, 1, 1) { Activation = Activation.Relu, Batch = 2 }) with { Tiny = true };
        yield return Of(new(4, 4, 8, 12, 3, 2, 1) { Batch = 3, ResidualImages = 1, GapY = 4 }) with { Tiny = true };
        yield return Of(new(9, 9, 4, 8, 4, 4, 0) { Bias = false, Activation = Activation.Gelu }) with { Tiny = true };
        yield return Of(new(5, 7, 16, 3, 1, 2, 0)) with { Tiny = true };
        yield return Of(new(1, 1, 1, 1, 3, 1, 1)); // only the middle of the kernel meets the image
        yield return Of(new(2, 3, 5, 7, 7, 4, 3)); // the kernel is larger than the image
        yield return Of(new(37, 29, 3, 20, 7, 4, 3)); // patch embedding
        yield return Of(new(13, 11, 9, 33, 3, 1, 1) { Activation = Activation.Relu, Batch = 2 });
        yield return Of(new(15, 18, 4, 16, 3, 2, 1) { Batch = 3, GapY = 3 });
        yield return Of(new(11, 10, 6, 17, 2, 2, 0)); // odd: the last row is not read
        yield return Of(new(17, 16, 5, 12, 4, 4, 0) { Bias = false, Activation = Activation.Gelu });
        yield return Of(new(9, 9, 13, 21, 1, 1, 0) { ResidualImages = 1, Batch = 2 }); // the plain matrix product
        yield return Of(new(9, 9, 13, 21, 1, 2, 0));
        yield return Of(new(14, 10, 3, 8, 2, 2, 0) { ResidualImages = 1, Batch = 4 }); // 35 pixels an image: a block must not run over
        yield return Of(new(13, 16, 2, 4, 3, 2, 1) { ResidualImages = 1, Batch = 2 }); // neighbouring pixels share a vector
        yield return Of(new(13, 32, 2, 4, 3, 2, 1) { ResidualImages = 1, Batch = 2, Frozen = true });
        yield return Of(new(5, 6, 3, 5, 7, 4, 3) { Frozen = true, Activation = Activation.Gelu }) with { Tiny = true };
        yield return Of(new(4, 8, 2, 3, 3, 1, 1) { Frozen = true }) with { Tiny = true };
        yield return Of(new(12, 12, 8, 10, 3, 1, 1) { ResidualImages = 2, Batch = 2, Activation = Activation.Gelu });
        yield return Of(new(5, 4, 400, 6, 3, 1, 1)); // 3600 inputs: three stretches of k, blocks cut to the cache

        yield return Of(new(1024, 1024, 3, 96, 7, 4, 3) { ResidualImages = 1, Frozen = true }) with { Real = true }; // patch embedding and positions
        yield return Of(new(1024, 1024, 3, 112, 7, 4, 3) { ResidualImages = 1, Frozen = true }) with { Real = true }; // b+
        yield return Of(new(1024, 1024, 3, 144, 7, 4, 3) { ResidualImages = 1, Frozen = true }) with { Real = true }; // l
        yield return Of(new(1024, 1024, 1, 4, 3, 2, 1) { Frozen = true }) with { Real = true }; // memory encoder, steps down
        yield return Of(new(512, 512, 4, 16, 3, 2, 1) { Frozen = true }) with { Real = true };
        yield return Of(new(256, 256, 16, 64, 3, 2, 1) { Frozen = true }) with { Real = true };
        yield return Of(new(128, 128, 64, 256, 3, 2, 1) { Frozen = true }) with { Real = true };
        yield return Of(new(96, 64, 1, 64, 3, 1, 1) { Activation = Activation.Relu, Batch = 10 }) with { Real = true }; // VGGish, 5 s stereo
        yield return Of(new(48, 32, 64, 128, 3, 1, 1) { Activation = Activation.Relu, Batch = 10 }) with { Real = true };
        yield return Of(new(24, 16, 128, 256, 3, 1, 1) { Activation = Activation.Relu, Batch = 10 }) with { Real = true };
        yield return Of(new(24, 16, 256, 256, 3, 1, 1) { Activation = Activation.Relu, Batch = 10 }) with { Real = true };
        yield return Of(new(12, 8, 256, 512, 3, 1, 1) { Activation = Activation.Relu, Batch = 10 }) with { Real = true };
        yield return Of(new(12, 8, 512, 512, 3, 1, 1) { Activation = Activation.Relu, Batch = 10 }) with { Real = true };
        yield return Of(new(256, 256, 256, 256, 4, 4, 0) { Batch = 5 }) with { Real = true }; // AuralFuser, patches of stride 4
        yield return Of(new(128, 128, 256, 256, 2, 2, 0)) with { Real = true }; // of stride 8, a frame
        yield return Of(new(64, 64, 256, 256, 4, 4, 0) { Batch = 5 }) with { Real = true }; // and its key reduction
    }

    public static OpCase Of(ConvShape s)
    {
        int[] Shape(int images, int height, int width, int channels) => s.Batch == 0 ? [height, width, channels] : [images, height, width, channels];
        var (batch, patch) = (Math.Max(1, s.Batch), s.Kernel * s.Kernel * s.Channels);
        var pixels = (double)batch * s.OutputHeight * s.OutputWidth;
        var (bias, residual) = (3, s.Bias ? 4 : 3);
        return new OpCase
        {
            Op = "Conv2d",
            Label = s.ToString(),
            Operands =
            [
                new("x", OperandRole.Input, Shape(batch, s.Height, s.Width, s.Channels)),
                new("weight", OperandRole.Input, [s.Outputs, s.Channels, s.Kernel, s.Kernel], Constant: s.Frozen),
                new("y", OperandRole.Output, Shape(batch, s.OutputHeight, s.OutputWidth, s.Outputs), RowGap: s.GapY),
                .. s.Bias ? [new Operand("bias", OperandRole.Input, [s.Outputs], Constant: s.Frozen)] : Array.Empty<Operand>(),
                .. s.ResidualImages > 0
                    ? [new Operand("residual", OperandRole.Input, Shape(s.ResidualImages, s.OutputHeight, s.OutputWidth, s.Outputs))]
                    : Array.Empty<Operand>(),
            ],
            Flops = 2 * pixels * patch * s.Outputs,
            Bytes = 4 * (((double)batch * s.Height * s.Width * s.Channels) + (pixels * s.Outputs) + ((double)patch * s.Outputs) +
                ((double)s.ResidualImages * s.OutputHeight * s.OutputWidth * s.Outputs)),
            Budget = ReferenceMath.SumBudget(patch, s.Activation),
            Bind = (device, t) =>
            {
                var weights = s.Frozen
                    ? Conv2d.Pack(device, device.Download(t[1]), s.Outputs, s.Bias ? device.Download(t[bias]) : [], s.Kernel, s.Stride, s.Padding)
                    : Conv2d.Pack(device, t[1], s.Bias ? t[bias] : default, s.Stride, s.Padding);
                return new OpCall(
                    () => Conv2d.Forward(device, t[0], weights, t[2], s.Activation, s.ResidualImages > 0 ? t[residual] : default), weights);
            },
            Reference = v =>
            {
                for (var i = 0; i < v[2].Length; i++)
                {
                    var (o, pixel) = (i % s.Outputs, i / s.Outputs);
                    var (ox, oy, image) = (pixel % s.OutputWidth, pixel / s.OutputWidth % s.OutputHeight, pixel / s.OutputWidth / s.OutputHeight);
                    var sum = s.Bias ? v[bias][o] : 0;
                    for (var ky = 0; ky < s.Kernel; ky++)
                    {
                        for (var kx = 0; kx < s.Kernel; kx++)
                        {
                            var (y, x) = ((oy * s.Stride) + ky - s.Padding, (ox * s.Stride) + kx - s.Padding);
                            if (y < 0 || y >= s.Height || x < 0 || x >= s.Width) continue;
                            for (var c = 0; c < s.Channels; c++)
                            {
                                sum += v[0][(((((image * s.Height) + y) * s.Width) + x) * s.Channels) + c] *
                                    v[1][(((((o * s.Channels) + c) * s.Kernel) + ky) * s.Kernel) + kx];
                            }
                        }
                    }

                    v[2][i] = ReferenceMath.Activate(s.Activation, sum + (s.ResidualImages > 0 ? v[residual][i % v[residual].Length] : 0));
                }
            },
        };
    }
}
