using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simt;
using ILGPU;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>How the emulator shares out the groups of a launch.</summary>
public sealed class EmulatorDeviceTests
{
    private static readonly GpuKernel<ArrayView<int>> WhoAmI = new(RecordThread, groupSize: 1);

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void GroupsRunOnAsManyThreadsAsThereAreMultiprocessors(int multiprocessors)
    {
        using var device = new EmulatorDevice(1, multiprocessors);
        using var buffer = new IlgpuBuffer(device, 12);
        device.Launch(WhoAmI, 12, 1, 0, buffer.Memory.Cast<int>());
        var threads = device.Download(buffer.View(12)).Select(BitConverter.SingleToInt32Bits).ToArray();
        Assert.DoesNotContain(0, threads);
        Assert.Equal(multiprocessors, threads.Distinct().Count());
    }

    [Fact]
    public void TakesOnePerProcessorUnlessTold()
    {
        using var device = new EmulatorDevice();
        Assert.Equal(Environment.ProcessorCount, device.Accelerator.NumMultiprocessors);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EmulatorDevice(1, -1));
    }

    [Theory, InlineData(1), InlineData(4)]
    public void NoResultDependsOnHowManyThereAre(int groupSize)
    {
        var expected = Run(groupSize, multiprocessors: 1);
        Assert.Equal(expected, Run(groupSize, multiprocessors: 2));
        Assert.Equal(expected, Run(groupSize, multiprocessors: 5)); // the last has fewer groups than the others
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

    private static void RecordThread(ArrayView<int> threads) => threads[Grid.IdxX] = Environment.CurrentManagedThreadId;
}
