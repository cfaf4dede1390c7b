using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>The judge is judged: ops that do wrong on purpose, each in one way, and what the runner says about them.</summary>
public sealed unsafe class OpRunnerTests
{
    private const int Rows = 3, Columns = 5, Gap = 2;

    [Fact]
    public void AcceptsAnOpThatIsRight() => Assert.Null(Check((x, y) => Double(x, y)));

    [Fact]
    public void SeesAWriteBeforeTheStart() => Assert.Contains("wrote outside y: 1 floats before it", Check((x, y) => Double(x, y)[-1] = 0));

    [Fact]
    public void SeesAWriteAfterTheEnd() =>
        Assert.Contains("wrote outside y: 3 floats after its end", Check((x, y) => Double(x, y)[(Rows * (Columns + Gap)) + 1] = 0));

    [Fact]
    public void SeesAWriteIntoARowGap() =>
        Assert.Contains("wrote outside y: row 1, column 5 of 5", Check((x, y) => Double(x, y)[(Columns + Gap) + Columns] = 0));

    [Fact]
    public void SeesAChangedInput() => Assert.Contains("changed its input x at row 2, column 0", Check((x, y) =>
    {
        Double(x, y);
        x.Pointer[2 * (Columns + Gap)] += 1;
    }));

    [Fact]
    public void SeesAForgottenElement()
    {
        var untouched = float.NaN;
        Assert.Contains("never wrote y[2, 4]", Check((x, y) =>
        {
            var last = &y.Pointer[(2 * (Columns + Gap)) + 4];
            untouched = *last;
            Double(x, y);
            *last = untouched;
        }));
    }

    [Fact]
    public void SeesAReadBeforeTheStart() =>
        Assert.Contains("y[1, 2] is NaN", Check((x, y) => Double(x, y)[Columns + Gap + 2] += x.Pointer[-1] * 0));

    [Fact]
    public void SeesASmallError() => Assert.Contains("y[0, 3] is", Check((x, y) => Double(x, y)[3] += 1e-5f));

    [Fact]
    public void SeesAnOpenScope() => Assert.Contains("left 1 arena scopes open", Check((x, y) =>
    {
        Double(x, y);
        x.Buffer.Device.Scope();
    }));

    [Fact]
    public void FillsTheSameValuesEveryTime()
    {
        using CpuDevice one = new(1), two = new(2);
        var subject = OpRegistry.Cases.First(c => c.Tiny);
        using GuardedOperands a = new(one, subject), b = new(two, subject);
        Assert.Equal(a.Initial(0), b.Initial(0));
        Assert.NotEqual(a.Initial(0)[0], a.Initial(1)[0]);
    }

    private static string? Check(Action<Tensor, Tensor> op)
    {
        using var device = new CpuDevice(1);
        return OpRunner.Check(device, new OpCase
        {
            Op = "Double",
            Label = "on trial",
            Operands = [new("x", OperandRole.Input, [Rows, Columns], RowGap: Gap), new("y", OperandRole.Output, [Rows, Columns], RowGap: Gap)],
            Flops = 0,
            Bytes = 0,
            Budget = 1e-6,
            Bind = (_, t) => new OpCall(() => op(t[0], t[1])),
            Reference = v =>
            {
                for (var i = 0; i < v[0].Length; i++) v[1][i] = 2 * v[0][i];
            },
        }).Message;
    }

    private static float* Double(Tensor x, Tensor y)
    {
        for (var r = 0; r < Rows; r++)
            for (var c = 0; c < Columns; c++) y.Pointer[(r * (Columns + Gap)) + c] = 2 * x.Pointer[(r * (Columns + Gap)) + c];
        return y.Pointer;
    }
}
