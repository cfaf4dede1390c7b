using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;
using AuralSam2.Kernels.Tests.Gpu;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What finite differences do not say about the gradients of attention: their order of sums, and what a dropout keeps.</summary>
public sealed unsafe class AttentionGradientTests
{
    /// <summary>Long enough for several runs of keys or of queries.</summary>
    private static readonly OpCase[] Divided =
    [
        AttentionCases.Of(new(300, 600, 1, 24) { Gap = 3 }),
        AttentionCases.Of(new(1100, 40, 2, 16) { Dropout = 0.25f }),
    ];

    private static readonly string[] Ops = ["Attention", "WindowAttention", "DotProductFusion"];

    public static TheoryData<string> OnEmulator =>
        [.. OpRegistry.Cases.Where(c => c.Tiny && c.Op is "Attention" or "DotProductFusion" && c.Flops < 1e4).Select(c => c.ToString())];

    [Theory, MemberData(nameof(OnEmulator))]
    public void AgreesWithFiniteDifferencesOnAGpu(string name)
    {
        foreach (var threads in (int[])[1, 2])
        {
            using var device = new EmulatorDevice(threads);
            var outcome = GradientRunner.Check(device, OpRegistry.Cases.Single(c => c.ToString() == name), probes: 3);
            Assert.True(outcome.Ok, outcome.ToString());
        }
    }

    /// <summary>Gradients of tokens; that of the padding token is a sum of rows, an op of its own.</summary>
    [Fact]
    public void WindowsOnAGpuAgreeWithThoseOnTheHost()
    {
        using var host = new CpuDevice(1);
        using var device = new EmulatorDevice(4);
        foreach (var subject in OpRegistry.Cases.Where(c => c.Op == "WindowAttention" && c.Tiny && c.Flops < 3e4))
        {
            var expected = GradientRunner.Gradients(host, subject, [0], out _)[0];
            var found = GradientRunner.Gradients(device, subject, [0], out _)[0];
            var largest = expected.Max(Math.Abs);
            for (var i = 0; i < expected.Length; i++)
                Assert.True(Math.Abs(expected[i] - found[i]) <= subject.GradientBudget * largest, $"{subject} at {i}");
        }
    }

    [Fact]
    public void DoesNotDependOnTheNumberOfThreads()
    {
        using var one = new CpuDevice(1);
        using var three = new CpuDevice(3);
        var cases = OpRegistry.Cases.Where(c => !c.Real && Ops.Contains(c.Op) && c.Flops < 3e6).Concat(Divided);
        foreach (var subject in cases)
        {
            int[] wanted = [.. Enumerable.Range(0, subject.Operands.Length).Where(i => subject.Operands[i].Role == OperandRole.Input)];
            var (a, b) = (GradientRunner.Gradients(one, subject, wanted, out _), GradientRunner.Gradients(three, subject, wanted, out _));
            foreach (var i in wanted) Assert.Equal(a[i], b[i]);
        }
    }

    [Fact]
    public void MaskIsTheSameRowByRowAndColumnByColumn()
    {
        const int edge = 67;
        var threshold = DropoutMask.Threshold(0.3f);
        float* row = stackalloc float[edge], column = stackalloc float[edge + 16];
        uint* low = stackalloc uint[edge + 16], high = stackalloc uint[edge + 16];
        for (var i = 0; i < edge; i++)
        {
            var key = DropoutMask.Mix(9, (ulong)i);
            (low[i], high[i]) = ((uint)key, (uint)(key >> 32));
        }

        for (var r = 0; r < edge; r++)
        {
            new Span<float>(row, edge).Fill(1);
            DropoutMask.Apply(9, ((ulong)r << 32) + 5, edge, threshold, 2f, row);
            for (var c = 0; c < edge; c++) Assert.Equal(DropoutMask.Keeps(9, ((ulong)r << 32) + 5 + (ulong)c, threshold), row[c] == 2f);
            DropoutMask.Column(low, high, (uint)r, edge, threshold, 2f, column);
            for (var i = 0; i < edge; i++) Assert.Equal(DropoutMask.Keeps(9, ((ulong)i << 32) + (uint)r, threshold), column[i] == 2f);
        }
    }

    [Theory]
    [InlineData(0.1f)]
    [InlineData(0.5f)]
    public void DropsItsShare(float rate)
    {
        const int rows = 500, columns = 400;
        var threshold = DropoutMask.Threshold(rate);
        long dropped = 0, pairs = 0;
        for (ulong r = 0; r < rows; r++)
        {
            for (ulong c = 0; c < columns; c++)
            {
                var drops = !DropoutMask.Keeps(3, (r << 32) + c, threshold);
                if (drops) dropped++;
                if (drops && !DropoutMask.Keeps(3, ((r + 1) << 32) + c, threshold)) pairs++;
            }
        }

        // Five standard deviations of a binomial distribution; neighbours in different rows are independent.
        const double n = rows * columns;
        Assert.InRange(dropped, (n * rate) - (5 * Math.Sqrt(n * rate)), (n * rate) + (5 * Math.Sqrt(n * rate)));
        Assert.InRange(pairs, (n * rate * rate) - (5 * Math.Sqrt(n) * rate), (n * rate * rate) + (5 * Math.Sqrt(n) * rate));
    }

    [Fact]
    public void KeysOfAStepComeAgain()
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device) { Dropout = new DropoutPlan(0.1f, 7) };
        var (first, second) = (tape.NextDropoutKey(), tape.NextDropoutKey());
        Assert.NotEqual(first, second);
        tape.Clear();
        Assert.Equal(first, tape.NextDropoutKey());
    }
}
