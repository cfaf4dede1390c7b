namespace AuralSam2.Bench.Ops;

/// <summary>One operand of a case, for peers that build it anew: values by rule from its name, offset and scale.</summary>
internal sealed record OperandShape(string Name, string Role, int[] Shape, int RowGap, double Offset, double Scale);

/// <summary>A case of the registry as peers get it; they read the op's parameters from the label.</summary>
internal sealed record OpSpec(string Op, string Label, IReadOnlyList<OperandShape> Operands);
