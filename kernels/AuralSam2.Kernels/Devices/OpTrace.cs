using System.Globalization;
using System.Text;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels;

/// <summary>
/// Writes a line per op, launch, copy and synchronisation, ops indented by how deep they are: what ran last before a failure, and how
/// a model becomes kernels. On with <c>AURAL_TRACE=launches</c>, to the error stream.
/// </summary>
/// <param name="writer">Receives the lines as they happen.</param>
internal sealed class OpTrace(TextWriter writer)
{
    /// <summary>The variable's other value, 1, belongs to the command: it shows where errors come from.</summary>
    public const string Variable = "AURAL_TRACE";

    private int depth;

    /// <summary>A trace when the environment asks for one.</summary>
    public static OpTrace? FromEnvironment() =>
        Environment.GetEnvironmentVariable(Variable) == "launches" ? new OpTrace(Console.Error) : null;

    /// <summary>An op begins; its launches follow until <see cref="EndOp"/>.</summary>
    public void BeginOp(string op, double flops, double bytes)
    {
        Line(string.Create(CultureInfo.InvariantCulture, $"op {op}: {flops / 1e6:0.###} MFLOP, {bytes / 1e6:0.###} MB"));
        depth++;
    }

    /// <summary>The op that began last ends.</summary>
    public void EndOp() => depth--;

    /// <summary>A kernel is launched.</summary>
    public void Launch<TArguments>(GpuKernel<TArguments> kernel, long groups, int groupSize, int sharedFloats, in TArguments arguments)
        where TArguments : struct =>
        Line($"launch {kernel}: {groups} x {groupSize} threads, {sharedFloats * sizeof(float)} shared bytes{Describe(arguments)}");

    /// <summary>A copy, or a synchronisation.</summary>
    public void Event(string what) => Line(what);

    private void Line(string text) => writer.WriteLine($"{new string(' ', 2 * depth)}{text}");

    /// <summary>Names and shapes of the arguments. By reflection: a trace is on when time does not matter.</summary>
    private static string Describe<TArguments>(in TArguments arguments)
        where TArguments : struct
    {
        var text = new StringBuilder();
        foreach (var property in typeof(TArguments).GetProperties())
        {
            var value = property.GetValue(arguments) switch
            {
                RowView { Rows: 0 } => "(none)",
                RowView rows when rows.Stride == rows.Columns => $"[{rows.Rows}, {rows.Columns}]",
                RowView rows => $"[{rows.Rows}, {rows.Columns}] stride {rows.Stride}",
                IContiguousArrayView view => $"[{view.Length}]",
                IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
                var other => other?.ToString(),
            };
            text.Append(CultureInfo.InvariantCulture, $", {property.Name} {value}");
        }

        return text.ToString();
    }
}
