using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simt;
using ILGPU;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>How the emulator shares out the groups of a launch.</summary>
public sealed class EmulatorDeviceTests
{
    private static readonly GpuKernel<ArrayView<int>> Meeting = new(Meet, groupSize: 1);

    /// <summary>The first group of each multiprocessor waits for those of all others: none gives up only if they run at the same time.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void MultiprocessorsRunSideBySide(int multiprocessors)
    {
        using var device = new EmulatorDevice(1, multiprocessors);
        using var counts = new IlgpuBuffer(device, 3); // groups that came, that are awaited, that gave up
        device.Upload([0, BitConverter.Int32BitsToSingle(multiprocessors), 0], counts.View(3));
        device.Launch(Meeting, 4 * multiprocessors, 1, 0, counts.Memory.Cast<int>());
        Assert.Equal([4 * multiprocessors, multiprocessors, 0], device.Download(counts.View(3)).Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void TakesOnePerProcessorUnlessTold()
    {
        using var device = new EmulatorDevice();
        Assert.Equal(Environment.ProcessorCount, device.Accelerator.NumMultiprocessors);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EmulatorDevice(1, -1));
    }

    /// <summary>How many there are may decide how a product is cut, as on GPUs; which of them runs a group, and when, decides nothing.</summary>
    [Theory, InlineData(1, 2), InlineData(4, 2), InlineData(1, 5), InlineData(4, 5)]
    public void EveryRunGivesTheSameDigits(int groupSize, int multiprocessors)
    {
        var expected = Run(groupSize, multiprocessors);
        for (var again = 0; again < 3; again++) Assert.Equal(expected, Run(groupSize, multiprocessors));
    }

    private static float[] Run(int groupSize, int multiprocessors)
    {
        using var device = new EmulatorDevice(groupSize, multiprocessors);
        var random = new Random(1);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        using var weight = Gemm.Pack(device, Values(23 * 19), 23, Values(23));
        Tensor x = device.AllocateTensor(21, 19), y = device.AllocateTensor(21, 23);
        Tensor scale = device.AllocateTensor(19), shift = device.AllocateTensor(19);
        foreach (var tensor in new[] { x, scale, shift }) device.Upload(Values((int)tensor.Length), tensor);
        Gemm.Forward(device, x, weight, y, new GemmFusion { Norm = new NormWeights(scale, shift, 1e-6f), Activation = Activation.Gelu });
        return device.Download(y);
    }

    private static void Meet(ArrayView<int> counts)
    {
        const int patience = 1_000_000_000; // some seconds
        var came = Atomic.Add(ref counts[0], 1) + 1;
        for (var i = 0; i < patience && came < counts[1]; i++) came = Atomic.Add(ref counts[0], 0);
        if (came < counts[1]) Atomic.Add(ref counts[2], 1);
    }
}
