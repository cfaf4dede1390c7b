using System.Globalization;
using System.Text.RegularExpressions;
using AuralSam2.Bench.Ops;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>The operands of a case by name, with the values that they have on this engine's side, and constants made from them.</summary>
internal sealed class PeerOperands : IDisposable
{
    private readonly Dictionary<string, Tensor> named = [];
    private readonly List<(Tensor Operand, Tensor Original)> overwritten = [];
    private readonly List<Tensor> kept = [];

    public PeerOperands(OpSpec spec)
    {
        Label = spec.Label;
        foreach (var operand in spec.Operands.Where(o => o.Role != "Output"))
        {
            using var scope = NewDisposeScope();
            var values = RuleTensors.Uniform(operand.Name, operand.Offset, operand.Scale, [.. operand.Shape.Select(d => (long)d)]);
            var tensor = values;
            if (operand.RowGap > 0)
            {
                tensor = zeros([.. operand.Shape[..^1].Select(d => (long)d), operand.Shape[^1] + operand.RowGap]).narrow(-1, 0, operand.Shape[^1]);
                tensor.copy_(values);
            }

            named[operand.Name] = Keep(tensor);
            if (operand.Role == "InOut") overwritten.Add((named[operand.Name], Keep(tensor.clone())));
        }
    }

    /// <summary>What the case is about.</summary>
    public string Label { get; }

    public Tensor this[string name] => named[name];

    public Tensor? Find(string name) => named.GetValueOrDefault(name);

    /// <summary>A constant that outlives the scope in which it was made: a weight in another layout, a table.</summary>
    public Tensor Keep(Tensor tensor)
    {
        kept.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <summary>The groups of a pattern in the label.</summary>
    /// <exception cref="FormatException">The label does not match.</exception>
    public double[] Numbers(string pattern) => Regex.Match(Label, pattern) is { Success: true } match
        ? [.. match.Groups.Values.Skip(1).Select(g => double.Parse(g.Value, CultureInfo.InvariantCulture))]
        : throw new FormatException($"the peer does not understand '{Label}'");

    /// <summary>The same as integers.</summary>
    public int[] Integers(string pattern) => [.. Numbers(pattern).Select(n => (int)n)];

    /// <summary>Puts back what a call in place has overwritten.</summary>
    public void Reset()
    {
        foreach (var (operand, original) in overwritten) operand.copy_(original);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in kept) tensor.Dispose();
    }
}
