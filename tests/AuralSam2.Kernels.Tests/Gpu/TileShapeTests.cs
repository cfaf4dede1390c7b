using System.Numerics;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simt;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Which tile a product gets, and how threads stand in it. The emulator opens no group as large as a GPU's, so these are asked here.</summary>
public sealed class TileShapeTests
{
    private const int H200 = 132; // multiprocessors

    public static TheoryData<int> GroupSizes => [1, 2, 4, 8, 16, 32, 64, 128, 256];

    [Theory, MemberData(nameof(GroupSizes))]
    public void EveryThreadStandsSomewhereElse(int threads)
    {
        foreach (var tile in Tiles(threads))
        {
            var places = Enumerable.Range(0, threads).Select(tile.Place).ToArray();
            Assert.Equal(threads, places.Distinct().Count());
            Assert.All(places, p =>
            {
                Assert.InRange(p.Part, 0, tile.Parts - 1);
                Assert.InRange(p.Down, 0, tile.Down - 1);
                Assert.InRange(p.Across, 0, tile.Across - 1);
            });
        }
    }

    [Theory, MemberData(nameof(GroupSizes))]
    public void SlicesFitInSharedMemoryAndInThePaddingOfWeights(int threads) => Assert.All(Tiles(threads), tile =>
    {
        Assert.InRange(SimtGemmTile.SharedFloats(tile), 1, SimtGemmTile.MaxSharedFloats);
        Assert.Equal(0, GpuPackedMatrix.MaxSlice % tile.Depth);
    });

    /// <summary>A warp reads 4 quads of x and 8 of the weight for a step, and a thread of a full group has no more to stage than it prefetches.</summary>
    [Fact]
    public void FullGroupsWasteNothing() => Assert.All(Tiles(256), tile =>
    {
        for (var warp = 0; warp < 256; warp += 32)
        {
            var places = Enumerable.Range(warp, 32).Select(tile.Place).ToArray();
            Assert.Equal(4, places.Select(p => (p.Part, p.Down)).Distinct().Count());
            Assert.Equal(8, places.Select(p => (p.Part, p.Across)).Distinct().Count());
        }

        Assert.InRange(Math.Max(tile.XQuads, tile.WeightQuads), 1, 256);
    });

    /// <summary>Layers of Hiera t, the memory attention and the decoder: large tiles where there are many, smaller ones before multiprocessors idle.</summary>
    [Theory]
    [InlineData(65536, 96, 288, 128, 128)]
    [InlineData(65536, 384, 96, 128, 128)]
    [InlineData(16384, 192, 192, 128, 64)]
    [InlineData(4096, 384, 1152, 64, 128)]
    [InlineData(4096, 256, 256, 64, 128)]
    [InlineData(1024, 768, 768, 64, 128)]
    [InlineData(4096, 256, 128, 64, 64)]
    public void ModelShapes(int rows, int inputs, int columns, int tileRows, int tileColumns)
    {
        var (down, across, parts) = GemmGpu.Shape(256, parts: true, H200, rows, columns, inputs);
        Assert.Equal((tileRows, tileColumns, 128 * 128 / (tileRows * tileColumns)), (8 << down, 8 << across, 1 << parts));
    }

    /// <summary>All tiles that products of any size get.</summary>
    private static TileShape[] Tiles(int threads)
    {
        var tiles = new HashSet<TileShape>();
        foreach (var multiprocessors in (int[])[1, H200])
        {
            for (var rows = 1; rows < 5000; rows = (rows * 5 / 4) + 1)
            {
                for (var columns = 1; columns < 5000; columns = (columns * 5 / 4) + 1)
                {
                    var (down, across, parts) = GemmGpu.Shape(threads, parts: true, multiprocessors, rows, columns, inputs: 256);
                    Assert.Equal(BitOperations.Log2((uint)threads), down + across + parts);
                    tiles.Add(new(down, across, parts, parts == 0 ? EightSteps.Bits : FourSteps.Bits));
                }
            }
        }

        return [.. tiles];
    }
}
