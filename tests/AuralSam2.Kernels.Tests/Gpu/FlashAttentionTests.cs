using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;
using AuralSam2.Kernels.Simt;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>What the registry does not say about attention on a GPU: groups of full size, plans for large machines, and NaNs.</summary>
public sealed class FlashAttentionTests
{
    /// <summary>Multiprocessors of an H100 or H200.</summary>
    private const int H200 = 132;

    /// <summary>As many threads as a GPU has: rows, lanes and slices as there.</summary>
    [Theory]
    [InlineData(70, 70, 2, 20, 20, 0)] // two blocks of queries and of keys, two slices of channels, the second of one quad
    [InlineData(33, 66, 1, 72, 72, 4)]
    [InlineData(17, 35, 1, 132, 132, 0)]
    [InlineData(17, 70, 1, 132, 36, 0)] // values narrower than queries and keys
    [InlineData(9, 35, 2, 20, 100, 0)] // and wider
    public async Task FullGroupsAgreeWithReference(int queries, int keys, int heads, int headDim, int valueDim, int gap)
    {
        using var device = new EmulatorDevice(EmulatorDevice.LargestGroup);
        var subject = AttentionCases.Of(new(queries, keys, heads, headDim) { ValueDim = valueDim, Gap = gap });
        var outcome = await Task.Run(() => OpRunner.Check(device, subject)).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.True(outcome.Ok, outcome.ToString());
    }

    /// <summary>Any shape on any group: everything fits, and every key belongs to one split.</summary>
    [Fact]
    public void PlansFitAndCover()
    {
        foreach (var threads in new[] { 1, 2, 4, 16, 64, 128 })
            foreach (var headDim in new[] { 1, 5, 16, 32, 56, 64, 65, 72, 96, 97, 128, 256, 300, 512, 1000 })
                foreach (var valueDim in new[] { headDim, 5, 64, 88, 256, 600 })
                    foreach (var queries in new[] { 1, 7, 49, 196, 4096 })
                        foreach (var keys in new[] { 1, 16, 49, 64, 196, 1000, 28736 })
                            foreach (var corners in new[] { 1, 4 })
                                Check(new(3, 2, queries, keys, headDim, valueDim, corners), FlashWidth.For(valueDim), threads);

        static void Check(FlashShape shape, FlashWidth width, int threads)
        {
            var plan = FlashPlan.For(shape, width, Math.Min(threads, width.Threads), H200);
            var what = $"{plan.Shape}, {plan.Threads} threads";
            Assert.True(plan.Threads <= threads, what);
            Assert.True(plan.SharedFloats <= GpuKernel.SharedLimit, $"{what}: {plan.SharedFloats} floats");
            Assert.True((long)plan.Splits * plan.SplitKeys >= shape.Keys && (plan.Splits - 1) * plan.SplitKeys < shape.Keys, what);
            Assert.True(plan.SplitKeys % plan.BlockKeys == 0 && plan.BlockKeys % plan.TileKeys == 0, what);
            // Only the outputs of one pass can wait for the next block.
            Assert.True(plan.Passes == 1 || plan.BlockKeys == plan.SplitKeys, what);
            Assert.True(plan.ValueKeys * plan.PassQuads <= plan.BufferQuads, what);
            var seats = Enumerable.Range(0, plan.Threads).Select(plan.Seat).ToHashSet();
            Assert.True(seats.Count == plan.Threads && seats.All(s => s.Row < plan.Rows && s.Lane < plan.Lanes), what);
        }
    }

    [Theory]
    [InlineData(1, 4096, 28736, 256, 64)] // memory attention, cross
    [InlineData(1, 4096, 4096, 256, 256)] // and self
    [InlineData(8, 8, 4096, 16, 16)] // tokens of the decoder
    [InlineData(4, 4096, 4096, 96, 96)] // Hiera t, global
    public void LargeMachinesShareTheKeys(int heads, int queries, int keys, int headDim, int valueDim)
    {
        var width = FlashWidth.For(valueDim);
        var plan = FlashPlan.For(new(1, heads, queries, keys, headDim, valueDim, 1), width, width.Threads, H200);
        Assert.Equal(1, plan.Passes);
        Assert.True(plan.Splits > 1, $"{plan.Splits} splits");
        Assert.InRange(plan.Groups, H200, long.MaxValue);
        Assert.Equal(1, FlashPlan.For(plan.Shape with { Sequences = 1000 }, width, width.Threads, H200).Splits);
    }

    /// <summary>The registry's case of 300 keys has splits on the emulator, too; they are put together in one order every time.</summary>
    [Theory, InlineData(1), InlineData(4)]
    public void SplitsAreDeterministic(int groupSize)
    {
        using var device = new EmulatorDevice(groupSize);
        var subject = OpRegistry.Cases.Single(c => c.ToString() == "Attention: 3 queries, 300 keys, 1 heads of 16");
        var plan = FlashPlan.For(new(1, 1, 3, 300, 16, 16, 1), FlashWidth.Narrow, groupSize, device.Accelerator.NumMultiprocessors);
        Assert.True(subject.Tiny && plan.Splits > 1);
        var first = OpRunner.Outputs(device, subject)[0];
        var again = OpRunner.Outputs(device, subject)[0];
        Assert.Equal(first.Select(BitConverter.SingleToInt32Bits), again.Select(BitConverter.SingleToInt32Bits));
    }

    /// <summary>A NaN shows in the results that depend on it and in no others: of a few keys, and of so many that groups share them.</summary>
    [Theory, InlineData(1, 5), InlineData(1, 150), InlineData(4, 5), InlineData(4, 150)]
    public void NaNsShow(int groupSize, int keys)
    {
        const int queries = 3, headDim = 4, channels = 2 * headDim;
        using var device = new EmulatorDevice(groupSize);
        foreach (var (operand, row, column) in new[] { (0, 1, 2), (1, keys - 1, headDim), (2, keys / 2, 1) })
        {
            using var scope = device.Scope();
            Tensor[] qkv = [device.Rent(queries, channels), device.Rent(keys, channels), device.Rent(keys, channels)];
            foreach (var tensor in qkv) device.Upload([.. Enumerable.Range(0, (int)tensor.Length).Select(i => MathF.Sin(i))], tensor);
            device.Fill(qkv[operand].Slice(row, 1).SliceColumns(column, 1), float.NaN);
            var y = device.Rent(queries, channels);

            // A damaged query spoils its own result, a key those of all queries, a channel of a value that channel.
            bool Spoilt(int r, int c) => (operand != 0 || r == row) && (operand != 2 || c == column);
            Attention.Forward(device, qkv[0], qkv[1], qkv[2], y, heads: 2);
            Assert.All(device.Download(y), (value, i) =>
                Assert.Equal(Spoilt(i / channels, i % channels) && i % channels / headDim == column / headDim, float.IsNaN(value)));
            DotProductFusion.Forward(device, qkv[0], qkv[1], qkv[2], y, scale: 0.5f);
            Assert.All(device.Download(y), (value, i) => Assert.Equal(Spoilt(i / channels, i % channels), float.IsNaN(value)));
        }
    }

    /// <summary>A damaged bias: padding tokens are keys of the windows that overhang, and of no others.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void ANaNInThePaddingTokenShows(bool pool)
    {
        using var device = new EmulatorDevice();
        using var scope = device.Scope();
        var grid = new WindowGrid(4, 6, 4, 1, pool);
        Tensor qkv = device.Rent(24, 12), padding = device.Rent(12), y = device.Rent(grid.OutputHeight * grid.OutputWidth, 4);
        device.Fill(qkv, 1);
        device.Fill(padding, 1);
        device.Fill(padding.SliceColumns(8, 1), float.NaN);
        WindowAttention.Forward(device, qkv, padding, y, grid);
        var values = device.Download(y);
        for (var i = 0; i < values.Length; i++)
        {
            var overhangs = i / 4 % grid.OutputWidth >= grid.OutputWidth * 4 / 6;
            Assert.Equal(overhangs && i % 4 == 0 ? float.NaN : 1f, values[i], 1e-6f);
        }
    }
}
