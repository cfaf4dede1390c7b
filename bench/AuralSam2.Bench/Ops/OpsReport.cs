using System.Globalization;
using System.Text.Json.Serialization;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Ops;

/// <summary>What <c>ops</c> measured.</summary>
internal sealed record OpsReport(string Device, Roofline Roofline, Machine Machine, IReadOnlyList<OpRow> Cases)
{
    /// <summary>Tiny cases: these times say nothing.</summary>
    public bool Quick { get; init; }
}

/// <summary>One case.</summary>
/// <param name="Op">The op.</param>
/// <param name="Label">What the case is about; peers read the op's parameters from it.</param>
/// <param name="Operands">Its operands.</param>
/// <param name="Flops">Floating-point operations of a call.</param>
/// <param name="Bytes">Bytes that a call must read and write at least once.</param>
/// <param name="Sets">Sets of operands that calls went through in turn.</param>
internal sealed record OpRow(string Op, string Label, IReadOnlyList<OperandShape> Operands, double Flops, double Bytes, int Sets)
{
    /// <summary>What <see cref="Error"/> says where the device lacks the op.</summary>
    public const string NoKernel = "no kernel";

    /// <summary>Milliseconds of a call, median.</summary>
    public double? Ms { get; init; }

    /// <summary>Milliseconds of a call, fastest round.</summary>
    public double? BestMs { get; init; }

    /// <summary>Milliseconds that the host needs to hand over a call.</summary>
    public double? HostMs { get; init; }

    /// <summary>Share of the FMA peak.</summary>
    public double? OfFma { get; init; }

    /// <summary>Share of the copy rate.</summary>
    public double? OfCopy { get; init; }

    /// <summary>Time at the limits of the device over time taken.</summary>
    public double? OfRoof { get; init; }

    /// <summary>See <see cref="ResultMark"/>.</summary>
    public ResultMark? Result { get; init; }

    /// <summary>Why nothing was measured.</summary>
    public string? Error { get; init; }

    [JsonIgnore]
    public double? Gflops => Flops / Ms / 1e6;

    [JsonIgnore]
    public double? Gbs => Bytes / Ms / 1e6;

    /// <summary>Heads the lines that <see cref="ToString"/> gives.</summary>
    public static string Header { get; } =
        $"{"op",-18}{"case",-62}{"ms",9}{"host ms",9}{"GFLOP/s",10}{"GB/s",9}{"of FMA",8}{"of copy",9}{"of roof",9}";

    public static OpRow Of(OpCase c, OpTime time, Roofline roofline) => Of(c) with
    {
        Sets = time.Sets,
        Ms = 1e3 * time.Seconds,
        BestMs = 1e3 * time.BestSeconds,
        HostMs = 1e3 * time.HostSeconds,
        Result = time.Result,
        OfFma = c.Flops / time.Seconds / 1e9 / roofline.FmaGflops,
        OfCopy = c.Bytes / time.Seconds / 1e9 / roofline.CopyGbs,
        OfRoof = roofline.LeastSeconds(c.Flops, c.Bytes) / time.Seconds,
    };

    public static OpRow Of(OpCase c, Exception error) => Of(c) with
    {
        Error = error is NotSupportedException ? NoKernel : $"{error.GetType().Name}: {error.Message.ReplaceLineEndings("; ")}",
    };

    /// <summary>A line of the table.</summary>
    public override string ToString() => Ms is null
        ? $"{Op,-18}{Label,-62} {Error}"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Op,-18}{Label,-62}{Ms,9:F4}{HostMs,9:F4}{Gflops,10:F1}{Gbs,9:F1}{OfFma,8:P0}{OfCopy,9:P0}{OfRoof,9:P0}");

    private static OpRow Of(OpCase c) => new(c.Op, c.Label, BoundCase.Describe(c).Operands, c.Flops, c.Bytes, Sets: 1);
}
