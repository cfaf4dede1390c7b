using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Ops;

/// <summary>A case of the registry bound to operands on a device, once or to several sets of them; values by rule.</summary>
internal sealed class BoundCase : IDisposable
{
    private readonly Device device;
    private readonly List<Tensor> operands = [];
    private readonly List<OpCall> calls = [];
    private readonly Tensor[] results;

    /// <summary>Allocates, fills and binds.</summary>
    /// <exception cref="NotSupportedException">The device has no kernel for it.</exception>
    public BoundCase(Device device, OpCase subject, int sets = 1)
    {
        this.device = device;
        var values = subject.Operands.Select(Values).ToArray();
        try
        {
            for (var set = 0; set < sets; set++)
            {
                Tensor[] own = [.. subject.Operands.Select((o, i) => Allocate(o, values[i]))];
                calls.Add(subject.Bind(device, own));
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        results = [.. operands.Take(values.Length).Where((_, i) => subject.Operands[i].Role != OperandRole.Input)];
    }

    /// <summary>One call for each set of operands.</summary>
    public IReadOnlyList<OpCall> Calls => calls;

    /// <summary>The first set of operands.</summary>
    public IReadOnlyList<Tensor> Operands => operands;

    /// <summary>What the calls on the first set wrote.</summary>
    public IReadOnlyList<Tensor> Results => results;

    /// <summary>The case as a peer gets it.</summary>
    public static OpSpec Describe(OpCase c) =>
        new(c.Op, c.Label, [.. c.Operands.Select(o => new OperandShape(o.Name, o.Role.ToString(), o.Shape, o.RowGap, o.Offset, o.Scale))]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var call in calls) call.Dispose();
        foreach (var operand in operands) operand.Buffer.Dispose();
    }

    private Tensor Allocate(Operand operand, float[] values)
    {
        var columns = new Shape(operand.Shape).Columns;
        int[] wide = [.. operand.Shape[..^1], columns + operand.RowGap];
        var tensor = device.AllocateTensor(wide).SliceColumns(0, columns);
        operands.Add(tensor);
        device.Upload(values, tensor);
        return tensor;
    }

    private static float[] Values(Operand operand)
    {
        var values = new float[new Shape(operand.Shape).Length];
        RuleTensor.Fill("", operand.Name, operand.Offset, operand.Scale, values);
        return values;
    }
}
