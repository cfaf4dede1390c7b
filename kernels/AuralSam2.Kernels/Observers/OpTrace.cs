using System.Globalization;
using System.Text;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels;

/// <summary>
/// Writes a line per module, op, launch and synchronisation, indented by how deep they are: what ran last before a failure, and how
/// a model becomes kernels. On with <c>AURAL_TRACE=launches</c>, to the error stream.
/// </summary>
/// <param name="writer">Receives the lines as they happen.</param>
internal sealed class OpTrace(TextWriter writer) : IDeviceObserver
{
    /// <summary>The variable's other value, 1, belongs to the command: it shows where errors come from.</summary>
    public const string Variable = "AURAL_TRACE";

    private int depth;

    /// <summary>A trace when the environment asks for one.</summary>
    public static OpTrace? FromEnvironment() =>
        Environment.GetEnvironmentVariable(Variable) == "launches" ? new OpTrace(Console.Error) : null;

    bool IDeviceObserver.NeedsShape => true;

    bool IDeviceObserver.NeedsDeviceTime => false;

    void IDeviceObserver.BeginModule(string path, long timestamp)
    {
        Line(path);
        depth++;
    }

    void IDeviceObserver.EndModule(long timestamp) => depth--;

    /// <summary>An op begins; its launches follow until it ends.</summary>
    void IDeviceObserver.BeginOp(in OpInvocation call)
    {
        Line(string.Create(CultureInfo.InvariantCulture, $"op {call.Op} {call.Shape}: {call.Flops / 1e6:0.###} MFLOP, {call.Bytes / 1e6:0.###} MB"));
        depth++;
    }

    void IDeviceObserver.EndOp(in OpInvocation call, in OpCost cost) => depth--;

    /// <summary>A kernel is launched.</summary>
    public void Launch<TArguments>(GpuKernel<TArguments> kernel, long groups, int groupSize, int sharedFloats, in TArguments arguments)
        where TArguments : struct =>
        Line($"launch {kernel}: {groups} x {groupSize} threads, {sharedFloats * sizeof(float)} shared bytes{Describe(arguments)}");

    /// <summary>The host waits for the device.</summary>
    public void Synchronize() => Line("synchronize");

    private void Line(string text) => writer.WriteLine($"{new string(' ', 2 * depth)}{text}");

    /// <summary>
    /// Names and values of the arguments, tensors as shapes; of structs within them the tensors only. By reflection: a trace is on when time
    /// does not matter.
    /// </summary>
    private static string Describe(object arguments)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in Members(arguments))
        {
            if (Shape(value) is { } shape) text.Append(CultureInfo.InvariantCulture, $", {name} {shape}");
            else if (value is IFormattable number) text.Append(CultureInfo.InvariantCulture, $", {name} {number}");
            else
                foreach (var (inner, tensor) in Members(value))
                    if (Shape(tensor) is { } found) text.Append(CultureInfo.InvariantCulture, $", {name}.{inner} {found}");
        }

        return text.ToString();
    }

    /// <summary>Kernels' arguments are structs with properties or with fields, as their compiler likes it.</summary>
    private static IEnumerable<(string Name, object Value)> Members(object owner) =>
    [
        .. owner.GetType().GetFields().Where(f => !f.IsStatic).Select(f => (f.Name, f.GetValue(owner)!)),
        .. owner.GetType().GetProperties().Where(p => p.GetIndexParameters().Length == 0 && !p.GetMethod!.IsStatic)
            .Select(p => (p.Name, p.GetValue(owner)!)),
    ];

    /// <summary>Rows, columns and stride of a tensor, the length of a view, null of anything else.</summary>
    private static string? Shape(object value) => value switch
    {
        RowView { Rows: 0 } or QuadView { Rows: 0 } => "(none)",
        RowView view => Shape(view.Rows, view.Columns, view.Stride),
        QuadView view => Shape(view.Rows, view.Columns, view.Stride),
        IContiguousArrayView view => $"[{view.Length}]",
        _ => null,
    };

    private static string Shape(int rows, int columns, int stride) => $"[{rows}, {columns}]{(stride == columns ? "" : $" stride {stride}")}";
}
