namespace AuralSam2.Kernels.Ops;

/// <summary>Masks as dot products: mask m at pixel p is the product of token m's vector and the pixel's (SAM's hypernetwork heads).</summary>
public static class MaskProduct
{
    /// <summary>Runs the product.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="tokens"><c>[masks, channels]</c>.</param>
    /// <param name="pixels"><c>[pixels, channels]</c>.</param>
    /// <param name="y"><c>[masks, pixels]</c>, dense: planar, as masks are used.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor tokens, Tensor pixels, Tensor y)
    {
        OpArguments.Require(
            tokens.Columns == pixels.Columns && y.Length == (long)tokens.Rows * pixels.Rows && y.IsDense,
            "MaskProduct", $"tokens {tokens}, pixels {pixels}, y {y}");
        var record = device.Recording("MaskProduct", y, [tokens, pixels]);
        var (wantsTokens, wantsPixels) = (record?.Wants(tokens) == true, record?.Wants(pixels) == true);
        Tensor savedTokens = wantsPixels ? record!.Save(tokens) : default, savedPixels = wantsTokens ? record!.Save(pixels) : default;
        Run(device, tokens, pixels, y);
        record?.Commit(y, () =>
        {
            var dy = record.Gradient(y).Reshape(tokens.Rows, pixels.Rows);
            // y = tokens pixels^T
            if (wantsPixels)
            {
                var dx = record.Gradient(pixels);
                GemmGradient.AddOuterProducts(device, dy, savedTokens, dx.Reshape(pixels.Rows, pixels.Columns));
            }

            if (!wantsTokens) return;
            var turned = device.Rent(pixels.Rows, tokens.Rows);
            Transpose.Forward(device, dy, turned);
            GemmGradient.AddOuterProducts(device, turned, savedPixels.Reshape(pixels.Rows, pixels.Columns), record.Gradient(tokens));
        });
    }

    private static void Run(Device device, Tensor tokens, Tensor pixels, Tensor y)
    {
        using var timing = device.Time("MaskProduct", 2.0 * tokens.Rows * pixels.Length, 4.0 * (pixels.Length + y.Length), $"{y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: MaskProductCpu.Run(cpu, tokens, pixels, y); break;
            case IlgpuDevice gpu: MaskProductGpu.Run(gpu, tokens, pixels, y); break;
            default: throw device.Unsupported("MaskProduct");
        }
    }
}
