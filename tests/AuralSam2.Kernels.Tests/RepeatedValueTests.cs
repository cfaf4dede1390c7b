using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>A tape need not keep what is cheap to compute again; it must notice when that was overwritten meanwhile.</summary>
public sealed class RepeatedValueTests
{
    private const int Channels = 24, Outputs = 10;

    [Fact]
    public void AHiddenLayerIsComputedAgain()
    {
        var (repeated, savedLess) = WeightGradient(added: null);
        var (kept, savedMore) = WeightGradient(added: 0);
        Assert.Equal(kept, repeated);
        Assert.True(savedLess < savedMore);
    }

    [Fact]
    public void WhatWasOverwrittenIsNot()
    {
        var (kept, _) = WeightGradient(added: 0);
        var (changed, _) = WeightGradient(added: 1);
        Assert.NotEqual(kept, changed);
    }

    /// <summary>The gradient of the matrix behind a depthwise convolution with GELU, to whose result a constant may have been added.</summary>
    private static (float[] Gradient, long SavedBytes) WeightGradient(float? added)
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device);
        Tensor x = Values(device, 1, 6, 5, Channels), taps = Values(device, 2, Channels, 1, 3, 3), bias = Values(device, 3, Channels);
        Tensor weight = Values(device, 4, Outputs, Channels), offset = Values(device, 5, Outputs), constant = Values(device, 6, Channels);
        if (added is { } value) device.Fill(constant, value);
        foreach (var parameter in (Tensor[])[taps, bias, weight, offset]) tape.Follow(parameter);
        using var depthwise = DepthwiseConv2d.Pack(device, taps, bias);
        using var matrix = Gemm.Pack(device, weight, offset);
        using var scope = device.Scope();
        Tensor hidden = device.Rent(6, 5, Channels), y = device.Rent(30, Outputs);
        using (tape.Record())
        {
            DepthwiseConv2d.Forward(device, x, depthwise, hidden, Activation.Gelu);
            if (added is not null) Elementwise.Add(device, hidden, constant, hidden);
            Gemm.Forward(device, hidden, matrix, y);
        }

        var saved = tape.SavedBytes;
        tape.ClearGradients();
        device.Fill(tape.Gradient(y), 1);
        tape.WalkBack();
        var gradient = device.Download(tape.Gradient(weight));
        foreach (var tensor in (Tensor[])[x, taps, bias, weight, offset, constant]) tensor.Buffer.Dispose();
        return (gradient, saved);
    }

    private static Tensor Values(Device device, int seed, params ReadOnlySpan<int> shape)
    {
        var tensor = device.AllocateTensor(shape);
        var random = new Random(seed);
        device.Upload([.. Enumerable.Range(0, (int)tensor.Length).Select(_ => random.NextSingle() - 0.5f)], tensor);
        return tensor;
    }
}
