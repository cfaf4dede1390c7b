using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tests.Gpu;
using CsCheck;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Damaged weights must show: a NaN that a maximum or a bound swallows becomes a mask that looks right.</summary>
public sealed class NaNTests : IDisposable
{
    private const int Height = 4, Width = 6;

    private readonly PatientDevices devices = new([.. CpuIsas.Available.Select(isa => new CpuDevice(1, isa)), new EmulatorDevice()]);

    public void Dispose() => devices.Dispose();

    /// <summary>A NaN anywhere in an image spoils the output whose block it lies in, and no other.</summary>
    [Fact]
    public void SurvivesMaxPool2x2() =>
        Gen.Select(Gen.Int[0, Height - 1], Gen.Int[0, Width - 1], Gen.Int[1, 37], Gen.Int[0, 36]).Sample(
            (y, x, channels, channel) => devices.Each(device =>
            {
                channel %= channels;
                using var scope = device.Scope();
                Tensor image = device.Rent(Height, Width, channels), pooled = device.Rent(Height / 2, Width / 2, channels);
                var values = Enumerable.Range(0, Height * Width * channels).Select(i => (float)(i % 13)).ToArray();
                values[(((y * Width) + x) * channels) + channel] = float.NaN;
                device.Upload(values, image);
                MaxPool2x2.Forward(device, image, pooled);
                var spoilt = ((((y / 2) * (Width / 2)) + (x / 2)) * channels) + channel;
                var result = device.Download(pooled);
                for (var i = 0; i < result.Length; i++)
                    Assert.True(float.IsNaN(result[i]) == (i == spoilt), $"{device.Name}: element {i} is {result[i]}");
            }),
            iter: 60, threads: 1);

    [Theory, InlineData(Activation.None), InlineData(Activation.Relu), InlineData(Activation.Gelu), InlineData(Activation.Sigmoid)]
    public void SurvivesActivations(Activation activation) => devices.Each(device =>
    {
        using var scope = device.Scope();
        var x = device.Rent(3, 7);
        device.Fill(x, float.NaN);
        Elementwise.Map(device, x, x, activation, scale: 2, shift: 1);
        Assert.All(device.Download(x), v => Assert.Equal(float.NaN, v));
    });

    /// <summary>Under a kernel of 3 x 3 a NaN reaches its eight neighbours; taps that do not exist must not carry it further.</summary>
    [Theory, InlineData(4), InlineData(5)]
    public void StaysUnderTheKernelOfADepthwiseConvolution(int channels) => devices.Each(device =>
    {
        using var scope = device.Scope();
        Tensor x = device.Rent(5, 12, channels), y = device.Rent(5, 12, channels);
        var values = new float[x.Length];
        values[((2 * 12) + 6) * channels] = float.NaN;
        device.Upload(values, x);
        using var weights = DepthwiseConv2d.Pack(device, [.. Enumerable.Repeat(1f, 9 * channels)], new float[channels]);
        DepthwiseConv2d.Forward(device, x, weights, y);
        var result = device.Download(y);
        for (var i = 0; i < result.Length; i++)
        {
            var (channel, column, row) = (i % channels, i / channels % 12, i / channels / 12);
            Assert.Equal(channel == 0 && column is >= 5 and <= 7 && row is >= 1 and <= 3, float.IsNaN(result[i]));
        }
    });

    [Fact]
    public void SurvivesL2NormalizeAndLogMel() => devices.Each(device =>
    {
        using var scope = device.Scope();
        Tensor x = device.Rent(2, 6), samples = device.Rent(LogMel.FrameLength + LogMel.HopLength), mel = device.Rent(2, LogMel.Bands);
        device.Fill(x, 1);
        device.Fill(x.Slice(1, 1).SliceColumns(4, 1), float.NaN);
        L2Normalize.Forward(device, x, x);
        Assert.All(device.Download(x.At(0)), v => Assert.Equal(1 / MathF.Sqrt(6), v, 1e-6f));
        Assert.All(device.Download(x.At(1)), v => Assert.Equal(float.NaN, v));

        device.Fill(samples, 0.5f);
        device.Fill(samples.SliceColumns(LogMel.HopLength - 1, 1), float.NaN); // only the first window has it
        LogMel.Forward(device, samples, mel);
        Assert.All(device.Download(mel.At(0)), v => Assert.Equal(float.NaN, v));
        Assert.All(device.Download(mel.At(1)), v => Assert.True(float.IsFinite(v)));
    });
}
