using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What dropout drops, and what training does to a batch norm: the registry's cases do not show these.</summary>
public sealed class DropoutTests
{
    private const int Rows = 300;
    private const int Channels = 37;

    [Fact]
    public void Drops_its_share_and_scales_the_rest()
    {
        using var device = new CpuDevice(2);
        var (y, _) = Run(device, 0.1f, 7);
        Assert.Equal([0f, 1 / 0.9f], y.Distinct().Order());
        Assert.InRange(y.Count(v => v == 0) / (double)y.Length, 0.085, 0.115); // five deviations
    }

    [Fact]
    public void Gradient_has_the_same_mask()
    {
        using var device = new CpuDevice(2);
        var (y, dx) = Run(device, 0.3f, 7);
        Assert.Equal(y, dx);
    }

    [Fact]
    public void Mask_depends_on_the_seed_alone()
    {
        using CpuDevice one = new(1), three = new(3, CpuIsa.Vector128);
        using var emulator = new EmulatorDevice(2);
        var expected = Run(one, 0.3f, 7).Y;
        Assert.Equal(expected, Run(three, 0.3f, 7).Y);
        Assert.Equal(expected, Run(emulator, 0.3f, 7).Gradient);
        Assert.NotEqual(expected, Run(one, 0.3f, 8).Y);
    }

    [Fact]
    public void Two_dropouts_of_a_step_have_masks_of_their_own()
    {
        using var device = new CpuDevice(2);
        using var buffer = device.Allocate(2 * Rows * Channels);
        var both = buffer.View(2, Rows, Channels);
        using var tape = new Tape(device) { Dropout = new DropoutPlan(0.5f, 1) };
        tape.Follow(both);
        device.Fill(both, 1);
        using (tape.Record())
            for (var i = 0; i < 2; i++) Dropout.Forward(device, both.At(i), both.At(i));
        Assert.NotEqual(device.Download(both.At(0)), device.Download(both.At(1)));
    }

    [Fact]
    public void Batch_norm_refuses_to_train_on_one_row()
    {
        using var device = new CpuDevice(1);
        using var buffer = device.Allocate(4);
        var x = buffer.View(1, 4);
        var weights = new BatchNormWeights(x.At(0), x.At(0), x.At(0), x.At(0));
        Assert.Contains("one row", Assert.Throws<ArgumentException>(() => BatchNorm.Forward(device, x, weights, x, training: true)).Message);
    }

    /// <summary>Dropout of ones, and the gradient of the sum.</summary>
    private static (float[] Y, float[] Gradient) Run(Device device, float rate, ulong seed)
    {
        using DeviceBuffer input = device.Allocate(Rows * Channels), output = device.Allocate(Rows * Channels);
        Tensor x = input.View(Rows, Channels), y = output.View(Rows, Channels);
        using var tape = new Tape(device) { Dropout = new DropoutPlan(rate, seed) };
        device.Fill(x, 1);
        tape.Follow(x);
        using (tape.Record()) Dropout.Forward(device, x, y);
        tape.ClearGradients();
        device.Fill(tape.Gradient(y), 1);
        tape.WalkBack();
        return (device.Download(y), device.Download(tape.Gradient(x)));
    }
}
