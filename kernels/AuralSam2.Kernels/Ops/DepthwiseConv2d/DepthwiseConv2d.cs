namespace AuralSam2.Kernels.Ops;

/// <summary>Convolution of each channel with a kernel of its own, stride 1, size preserved; channel-last.</summary>
public static class DepthwiseConv2d
{
    /// <summary>Lays out a weight of a checkpoint.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[channels, 1, kernel, kernel]</c>, row-major.</param>
    /// <param name="bias"><c>[channels]</c>.</param>
    /// <exception cref="ArgumentException">The kernel is not square and odd.</exception>
    public static DepthwiseWeights Pack(Device device, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias)
    {
        var channels = bias.Length;
        var taps = channels == 0 ? 0 : weight.Length / channels;
        var kernel = (int)Math.Sqrt(taps);
        OpArguments.Require(
            channels > 0 && kernel * kernel * channels == weight.Length && kernel % 2 == 1,
            "DepthwiseConv2d", $"{weight.Length} weights for {channels} channels");
        var turned = new float[weight.Length];
        for (var c = 0; c < channels; c++)
            for (var t = 0; t < taps; t++) turned[(t * channels) + c] = weight[(c * taps) + t];
        var (tapTensor, biasTensor) = (device.AllocateTensor(taps, channels), device.AllocateTensor(channels));
        device.Upload(turned, tapTensor);
        device.Upload(bias, biasTensor);
        return new DepthwiseWeights(tapTensor, biasTensor, kernel);
    }

    /// <summary>Lays out a weight that is trained: its tensors are read now, and again by <see cref="DepthwiseWeights.Refresh"/>.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[channels, 1, kernel, kernel]</c>, dense; stays the caller's.</param>
    /// <param name="bias"><c>[channels]</c>, dense; stays the caller's, and is read where it is.</param>
    /// <exception cref="ArgumentException">The sizes disagree, or the kernel is not square and odd.</exception>
    public static DepthwiseWeights Pack(Device device, Tensor weight, Tensor bias)
    {
        OpArguments.Require(
            weight.Shape.Rank == 4 && weight.IsDense && weight.Length > 0 && weight.Shape[1] == 1 && weight.Shape[2] == weight.Shape[3] &&
            weight.Shape[3] % 2 == 1 && bias.IsDense && bias.Length == weight.Shape[0],
            "DepthwiseConv2d", $"weight {weight}, bias {bias}");
        return new DepthwiseWeights(device, weight, bias);
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width, channels]</c> or <c>[batch, height, width, channels]</c>, dense.</param>
    /// <param name="weights">Packed weights.</param>
    /// <param name="y">Shape of x; not x itself.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, DepthwiseWeights weights, Tensor y, Activation activation = Activation.None)
    {
        var w = weights;
        OpArguments.Require(
            x.Shape.Rank is 3 or 4 && x.Shape == y.Shape && x.IsDense && y.IsDense && x.Columns == w.Bias.Length,
            "DepthwiseConv2d", $"x {x}, y {y}, {w.Bias.Length} channels");
        if (device.Recording("DepthwiseConv2d", y, [x, w.Weight, w.Bias]) is { } record) Record(device, record, x, w, y, activation);
        else Run(device, x, w, y, activation);
    }

    /// <summary>
    /// The gradient: dx += dy under the kernel turned by half a circle; of each tap, the sum over pixels of dy and the pixel of x that the tap
    /// met there; of the bias, the sum of dy.
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[(batch,) height, width, channels]</c>, dense: gradient of y.</param>
    /// <param name="x">As it was; empty when taps are not wanted.</param>
    /// <param name="turned"><c>[kernel * kernel, channels]</c>: the taps, last first; empty when dx is not wanted.</param>
    /// <param name="kernel">Edge of the kernel.</param>
    /// <param name="dx">Added to; empty: not wanted.</param>
    /// <param name="taps"><c>[kernel * kernel, channels]</c>, added to; empty: not wanted.</param>
    internal static void Gradient(Device device, Tensor dy, Tensor x, Tensor turned, int kernel, Tensor dx, Tensor taps)
    {
        if (dy.Length == 0) return;
        var (wantsX, wantsTaps) = (dx.IsEmpty ? 0 : 1, taps.IsEmpty ? 0 : 1);
        using var timing = device.Time(
            "DepthwiseConv2d.Gradient", 2.0 * dy.Length * kernel * kernel * (wantsX + wantsTaps),
            4.0 * dy.Length * (1 + (2 * wantsX) + wantsTaps), $"{dy.Shape} k {kernel}");
        switch (device)
        {
            case CpuDevice cpu: DepthwiseConv2dGradientCpu.Run(cpu, dy, x, turned, kernel, dx, taps); break;
            case IlgpuDevice gpu: DepthwiseConv2dGradientGpu.Run(gpu, dy, x, turned, kernel, dx, taps); break;
            default: throw device.Unsupported("DepthwiseConv2d.Gradient");
        }
    }

    /// <summary>
    /// What the activation saw is not kept but computed again: a few operations per value, where a hidden layer's copy is the largest thing on
    /// a tape.
    /// </summary>
    private static void Record(Device device, TapeRecord record, Tensor x, DepthwiseWeights w, Tensor y, Activation activation)
    {
        var (wantsX, wantsWeight, wantsBias) = (record.Wants(x), record.Wants(w.Weight), record.Wants(w.Bias));
        var isActive = activation != Activation.None;
        var before = wantsWeight || isActive ? record.Save(x) : default;
        Run(device, x, w, y, activation);
        record.Commit(y, () =>
        {
            var dy = record.Gradient(y);
            if (isActive) ThroughActivation(dy);
            var (count, channels) = (w.Kernel * w.Kernel, w.Taps.Columns);
            if (wantsBias) RowSum.Run(device, dy, record.Gradient(w.Bias).Reshape(1, channels));
            if (!wantsX && !wantsWeight) return;
            var turned = wantsX ? device.Rent(count, channels) : default;
            for (var t = 0; t < (wantsX ? count : 0); t++) device.CopyCore(w.Taps.Slice(count - 1 - t, 1), turned.Slice(t, 1));
            var taps = wantsWeight ? device.Rent(count, channels) : default;
            if (wantsWeight) device.FillCore(taps, 0);
            Gradient(device, dy, before, turned, w.Kernel, wantsX ? record.Gradient(x) : default, taps);
            if (!wantsWeight) return;
            var checkpoint = device.Rent(channels, count);
            Transpose.Forward(device, taps, checkpoint);
            Elementwise.Accumulate(device, checkpoint, record.Gradient(w.Weight).Reshape(channels, count));
        });
        if (!before.IsEmpty) record.Repeatable(y, into => Run(device, before, w, Shaped(into), activation));

        Tensor Shaped(Tensor room) => new(room.Buffer, room.Offset, y.Shape, room.RowStride);

        void ThroughActivation(Tensor dy)
        {
            using var scope = device.Scope();
            var inner = device.Rent(x.Rows, x.Columns);
            var isOfResult = activation is Activation.Relu or Activation.Sigmoid; // see Elementwise.MapGradient
            Run(device, before, w, Shaped(inner), isOfResult ? activation : Activation.None);
            Elementwise.MapGradient(device, dy, inner, dy, activation, accumulate: false);
        }
    }

    private static void Run(Device device, Tensor x, DepthwiseWeights w, Tensor y, Activation activation)
    {
        using var timing = device.Time("DepthwiseConv2d", 2.0 * x.Length * w.Kernel * w.Kernel, 8.0 * x.Length, $"{x.Shape} k {w.Kernel}");
        switch (device)
        {
            case CpuDevice cpu: DepthwiseConv2dCpu.Run(cpu, x, w, y, activation); break;
            case IlgpuDevice gpu: DepthwiseConv2dGpu.Forward(gpu, x, w, y, activation); break;
            default: throw device.Unsupported("DepthwiseConv2d");
        }
    }
}
