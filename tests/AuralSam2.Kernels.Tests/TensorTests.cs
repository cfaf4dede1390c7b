using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Views: every way of looking at the numbers 0, 1, 2, .. and what may not be looked at.</summary>
public sealed class TensorTests : IDisposable
{
    private readonly CpuDevice device = new(2);

    public void Dispose() => device.Dispose();

    [Fact]
    public void SlicesTakeEntriesOfTheOutermostDimension()
    {
        var x = Counting(4, 3, 2);
        Assert.Equal([6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], device.Download(x.Slice(1, 2)));
        Assert.Equal("[2, 3, 2]", x.Slice(1, 2).ToString());
        Assert.Equal(0, x.Slice(4, 0).Length);
        Assert.Equal([18, 19, 20, 21, 22, 23], device.Download(x.At(3)));
        Assert.Equal([20, 21], device.Download(x.At(3).At(1)));
    }

    [Fact]
    public void ColumnsOfAWiderTensorAreAView()
    {
        var x = Counting(3, 7);
        var columns = x.SliceColumns(2, 3);
        Assert.Equal([2, 3, 4, 9, 10, 11, 16, 17, 18], device.Download(columns));
        Assert.Equal("[3, 3] stride 7", columns.ToString());
        Assert.False(columns.IsDense);
        Assert.Equal([9, 10, 11], device.Download(columns.At(1)));
        Assert.Equal([10, 17], device.Download(columns.SliceColumns(1, 1).Slice(1, 2)));
        device.Fill(columns, -1);
        Assert.Equal([0, 1, -1, -1, -1, 5, 6, 7, 8, -1, -1, -1, 12, 13, 14, 15, -1, -1, -1, 19, 20], device.Download(x));
    }

    [Fact]
    public void ReshapeKeepsTheOrder()
    {
        var x = Counting(2, 3, 4);
        Assert.Equal(device.Download(x), device.Download(x.Reshape(6, 4)));
        Assert.Equal([12, 13, 14, 15], device.Download(x.Reshape(6, 4).At(3)));
        Assert.Equal(device.Download(x), device.Download(x.Reshape(1, 24, 1)));
        var strided = x.SliceColumns(1, 2);
        Assert.Equal(device.Download(strided), device.Download(strided.Reshape(6, 2))); // rows stay rows
        Assert.Throws<ArgumentException>(() => strided.Reshape(4, 3));
        Assert.Throws<ArgumentException>(() => x.Reshape(5, 5));
        var row = x.Reshape(6, 4).SliceColumns(0, 4).Slice(2, 1);
        Assert.Equal([8, 9, 10, 11], device.Download(row.Reshape(2, 2)));
    }

    [Fact]
    public void RangesOutsideAreRefused()
    {
        var x = Counting(3, 4);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Slice(2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Slice(-1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.SliceColumns(3, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.At(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Reshape(12).Slice(0, 1));
    }

    [Fact]
    public void CopiesBetweenViews()
    {
        var (x, y) = (Counting(200, 5), Counting(200, 3));
        device.Copy(x.SliceColumns(1, 3), y);
        Assert.Equal(device.Download(x.SliceColumns(1, 3)), device.Download(y));
        Assert.Throws<ArgumentException>(() => device.Copy(x, y));
        Assert.Throws<ArgumentException>(() => device.Upload(new float[3], y));
        Assert.Throws<ArgumentException>(() => device.Download(y, new float[3]));
    }

    [Fact]
    public void ShapesCompareByExtents()
    {
        Assert.Equal(new Shape(2, 3), new Shape(2, 3));
        Assert.NotEqual(new Shape(2, 3), new Shape(2, 3, 1));
        Assert.Equal((6, 4, 24L, 3), (new Shape(2, 3, 4).Rows, new Shape(2, 3, 4).Columns, new Shape(2, 3, 4).Length, new Shape(2, 3, 4)[^2]));
        Assert.Throws<ArgumentException>(() => new Shape([]));
        Assert.Throws<ArgumentException>(() => new Shape(1, 2, 3, 4, 5));
        Assert.Throws<ArgumentException>(() => new Shape(2, -1));
        Assert.Throws<ArgumentException>(() => device.Allocate(5).View(2, 3));
    }

    private Tensor Counting(params ReadOnlySpan<int> shape)
    {
        var x = device.AllocateTensor(shape);
        device.Upload([.. Enumerable.Range(0, (int)x.Length).Select(i => (float)i)], x);
        return x;
    }
}
