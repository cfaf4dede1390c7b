using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What ops refuse, and what they must not hide.</summary>
public sealed class OpContractTests : IDisposable
{
    private readonly CpuDevice device = new(2);

    public void Dispose() => device.Dispose();

    [Fact]
    public void WrongShapesNameTheOp()
    {
        using var scope = device.Scope();
        Tensor T(params ReadOnlySpan<int> shape) => device.Rent(shape);
        using var square = Gemm.Pack(device, new float[16], 4, []);
        using var kernel = Conv2d.Pack(device, new float[2 * 3 * 9], 2, [], 3, 1, 1);
        using var large = Conv2d.Pack(device, new float[49], 1, [], 7, 2, 0);
        using var up = ConvTranspose2x2.Pack(device, new float[24], 3, new float[2]);
        var norm = new NormWeights(T(4), T(4), 1e-6f);
        (string Op, Action Call)[] wrong =
        [
            ("Gemm", () => Gemm.Pack(device, new float[5], 2, [])),
            ("Gemm", () => Gemm.Forward(device, T(3, 5), square, T(3, 4))),
            ("Gemm", () => Gemm.Forward(device, T(3, 4), square, T(3, 4), new GemmFusion { Residual = T(2, 4) })),
            ("Gemm", () => Gemm.Forward(device, T(3, 4), square, T(3, 4), new GemmFusion { Norm = norm with { Bias = T(3) } })),
            ("FeedForward", () => FeedForward.Forward(device, T(3, 4), new FeedForwardWeights(square, norm, square, square, Activation.Relu))),
            ("Attention", () => Attention.Forward(device, T(3, 6), T(5, 6), T(5, 6), T(3, 6), heads: 4)),
            ("Attention", () => Attention.Forward(device, T(3, 6), T(0, 6), T(0, 6), T(3, 6), heads: 2)),
            ("Attention", () => Attention.Forward(device, T(3, 6), T(5, 6), T(5, 3), T(3, 3), heads: 2)),
            ("Attention", () => Attention.Forward(device, T(3, 6), T(5, 6), T(5, 4), T(3, 6), heads: 2)),
            ("Attention", () => Attention.Forward(device, T(3, 6), T(5, 6), T(4, 4), T(3, 4), heads: 2)),
            ("WindowAttention", () => WindowAttention.Forward(device, T(15, 12), T(12), T(3, 4), new WindowGrid(5, 3, 2, 1, true))),
            ("DotProductFusion", () => DotProductFusion.Forward(device, T(3, 4), T(5, 4), T(5, 4), T(3, 4), scale: 0)),
            ("LayerNorm", () => LayerNorm.Forward(device, T(3, 5), norm, T(3, 5))),
            ("Add", () => Elementwise.Add(device, T(3, 4), T(2, 4), T(3, 4))),
            ("Map", () => Elementwise.Map(device, T(3, 4), T(4, 3), Activation.Relu)),
            ("Conv2d", () => Conv2d.Forward(device, T(4, 4, 3), kernel, T(4, 5, 2))),
            ("Conv2d", () => Conv2d.Forward(device, T(6, 8, 1), large, T(1, 1, 1))),
            ("ConvTranspose2x2", () => ConvTranspose2x2.Forward(device, T(2, 2, 3), up, T(4, 5, 2))),
            ("DepthwiseConv2d", () => DepthwiseConv2d.Pack(device, new float[8], new float[2])),
            ("MaxPool2x2", () => MaxPool2x2.Forward(device, T(5, 5, 2), T(3, 3, 2))),
            ("Upsample2x", () => Upsample2x.AddNearest(device, T(2, 2, 3), T(4, 3, 3))),
            ("Transpose", () => Transpose.Forward(device, T(2, 3), T(2, 3))),
            ("Rope", () => Rope.Forward(device, T(4, 6), new RopeTable(T(4, 2), T(4, 2)), 4)),
            ("L2Normalize", () => L2Normalize.Forward(device, T(2, 3), T(3, 2))),
            ("MaskProduct", () => MaskProduct.Forward(device, T(2, 3), T(5, 3), T(2, 6))),
            ("Resize", () => Resize.Forward(device, T(2, 3, 3), T(1, 6, 6), ResizeMode.Nearest)),
            ("Select", () => Select.Best(device, T(3), T(4, 5), T(1, 5))),
            ("Select", () => Select.Best(device, T(3), T(3, 5), T(1, 5), first: 3)),
            ("Select", () => Select.Best(device, T(1, 3), T(3, 2, 5), T(2, 4))),
            ("Select", () => Select.Best(device, T(3), T(3, 5), T(1, 5), index: T(2))),
            ("Select", () => Select.Where(device, T(2), T(3, 4), T(3, 4), T(3, 4))),
            ("Select", () => Select.Where(device, T(1), T(3, 4), T(4, 3), T(3, 4))),
        ];
        Assert.All(wrong, call => Assert.StartsWith(call.Op + ":", Assert.Throws<ArgumentException>(call.Call).Message));
    }

    [Theory]
    [InlineData(Activation.Relu)]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.Sigmoid)]
    public void ANaNStaysOneInActivations(Activation activation) => Assert.All(CpuIsas.Available, isa =>
    {
        using var narrow = new CpuDevice(1, isa);
        using var scope = narrow.Scope();
        var x = narrow.Rent(1, 33);
        narrow.Fill(x, float.NaN);
        Elementwise.Map(narrow, x, x, activation);
        Assert.All(narrow.Download(x), v => Assert.True(float.IsNaN(v)));
    });

    [Fact]
    public void ANaNStaysOneInAttention() => Assert.All(CpuIsas.Available, isa =>
    {
        using var narrow = new CpuDevice(1, isa);
        using var scope = narrow.Scope();
        Tensor q = narrow.Rent(2, 16), k = narrow.Rent(5, 16), y = narrow.Rent(2, 16);
        narrow.Fill(q, 1);
        narrow.Fill(k, 1);
        narrow.Fill(q.Slice(1, 1).SliceColumns(3, 1), float.NaN);
        Attention.Forward(narrow, q, k, k, y, heads: 1);
        Assert.All(narrow.Download(y.At(0)), v => Assert.Equal(1, v, 1e-6));
        Assert.All(narrow.Download(y.At(1)), v => Assert.True(float.IsNaN(v)));
    });

    [Fact]
    public void TheReferenceErfIsExact()
    {
        // Abramowitz and Stegun, table 7.1, and the ends.
        (double X, double Erf)[] table =
        [
            (0, 0), (0.5, 0.5204998778130465), (1, 0.8427007929497149), (2, 0.9953222650189527), (3, 0.9999779095030014),
            (4, 0.9999999845827421), (9, 1),
        ];
        Assert.All(table, t => Assert.Equal(t.Erf, ReferenceMath.Erf(t.X), 1e-15));
        Assert.All(table, t => Assert.Equal(-t.Erf, ReferenceMath.Erf(-t.X), 1e-15));
        Assert.Equal(ReferenceMath.Erf(Math.BitDecrement(3.0)), ReferenceMath.Erf(3), 2e-15); // the series meets the fraction
    }
}
