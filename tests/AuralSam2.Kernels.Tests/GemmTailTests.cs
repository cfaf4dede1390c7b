using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What a row becomes does not depend on the rows beside it, nor on how models cut an image into bands.</summary>
public sealed class GemmTailTests
{
    private const int Rows = 64;
    private const int Inputs = 97;

    public static TheoryData<CpuIsa> Isas => [.. CpuIsas.Available];

    [Theory]
    [MemberData(nameof(Isas))]
    public void ARowHasTheSameBitsInAWholeTileAndInATail(CpuIsa isa)
    {
        const int outputs = 48; // whole panels on every instruction set: the ragged path is taken by the last rows alone
        using var device = new CpuDevice(1, isa);
        using var weight = Gemm.Pack(device, Values(outputs * Inputs, 1), outputs, Values(outputs, 2));
        using var scope = device.Scope();
        Tensor x = Upload(device, Inputs, 3), residual = Upload(device, outputs, 4), y = device.Rent(Rows, outputs), head = device.Rent(Rows, outputs);
        Gemm.Forward(device, x, weight, y, new GemmFusion { Residual = residual });
        foreach (var count in new[] { 1, 7, 60, 61 })
        {
            Gemm.Forward(device, x.Slice(0, count), weight, head.Slice(0, count), new GemmFusion { Residual = residual.Slice(0, count) });
            Assert.Equal(device.Download(y.Slice(0, count)), device.Download(head.Slice(0, count)));
        }
    }

    [Fact]
    public void AMatrixPackedForAnotherInstructionSetIsRefused()
    {
        Assert.SkipUnless(CpuIsas.Widest > CpuIsa.Vector128, "one instruction set only");
        using CpuDevice narrow = new(1, CpuIsa.Vector128), wide = new(1);
        using var weight = Gemm.Pack(narrow, Values(Inputs, 1), 1, []);
        using var scope = wide.Scope();
        var error = Assert.Throws<ArgumentException>(() => Gemm.Forward(wide, Upload(wide, Inputs, 2), weight, wide.Rent(Rows, 1)));
        Assert.Contains("packed for another device", error.Message, StringComparison.Ordinal);
    }

    private static Tensor Upload(CpuDevice device, int columns, int seed)
    {
        var tensor = device.Rent(Rows, columns);
        device.Upload(Values(Rows * columns, seed), tensor);
        return tensor;
    }

    private static float[] Values(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}
