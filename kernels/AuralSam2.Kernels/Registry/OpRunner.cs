namespace AuralSam2.Kernels.Registry;

/// <summary>What a check of a case found.</summary>
/// <param name="Case">The case.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Error">Largest error of an output element, relative to the largest magnitude of that output's reference.</param>
/// <param name="Where">The element with that error: operand and position.</param>
/// <param name="Message">Null when all is well, otherwise what is wrong, in words.</param>
public sealed record OpOutcome(OpCase Case, string Device, double Error, string Where, string? Message)
{
    /// <summary>Error allowed.</summary>
    public double Budget => Case.Budget;

    /// <summary>True when the op computed the right values and touched nothing else.</summary>
    public bool Ok => Message is null;

    /// <inheritdoc/>
    public override string ToString() => $"{Case} on {Device}: {Message ?? $"error {Error:g3} of {Budget:g3}"}";
}

/// <summary>Runs cases between sentinels and compares them with their float64 references.</summary>
public static class OpRunner
{
    /// <summary>Runs a case once and checks values, sentinels, inputs and scratch memory.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="subject">The case; not a <see cref="OpCase.Real"/> one, whose reference would take minutes.</param>
    public static OpOutcome Check(Device device, OpCase subject)
    {
        using var operands = new GuardedOperands(device, subject);
        var message = Run(device, subject, operands, out var results);
        var expected = new double[subject.Operands.Length][];
        for (var i = 0; i < expected.Length; i++) expected[i] = operands.Initial(i);
        subject.Reference(expected);

        var (error, where) = (0.0, "nowhere");
        for (var i = 0; i < expected.Length; i++)
        {
            var operand = subject.Operands[i];
            if (operand.Role == OperandRole.Input) continue;
            var largest = expected[i].Select(Math.Abs).DefaultIfEmpty(0).Max();
            for (var at = 0; at < results[i].Length; at++)
            {
                var difference = Math.Abs(results[i][at] - expected[i][at]) / (largest == 0 ? 1 : largest);
                if (!(difference > error) && !double.IsNaN(difference)) continue;
                (error, where) = (double.IsNaN(difference) ? double.PositiveInfinity : difference, $"{operand.Name}{Position(at, operand.Shape)}");
                if (difference <= subject.Budget) continue;
                message ??= GuardedOperands.IsUntouched(results[i][at])
                    ? $"never wrote {where}"
                    : $"{where} is {results[i][at]:g9}, the reference says {expected[i][at]:g9}: error {error:g3}, budget {subject.Budget:g3}";
            }
        }

        return new OpOutcome(subject, device.Name, error, where, message);
    }

    /// <summary>Runs a case once and returns its outputs, for comparisons between devices that must agree bit for bit.</summary>
    /// <exception cref="InvalidOperationException">The op wrote where it must not.</exception>
    public static float[][] Outputs(Device device, OpCase subject)
    {
        using var operands = new GuardedOperands(device, subject);
        var message = Run(device, subject, operands, out var results);
        if (message is not null) throw new InvalidOperationException($"{subject} on {device.Name}: {message}");
        return [.. results.Where((_, i) => subject.Operands[i].Role != OperandRole.Input)];
    }

    private static string? Run(Device device, OpCase subject, GuardedOperands operands, out float[][] results)
    {
        var open = device.Arena.OpenScopes;
        using (var call = subject.Bind(device, operands.Tensors))
        {
            call.Run();
            device.Synchronize();
        }

        var complaint = operands.Inspect(out results);
        if (device.Arena.OpenScopes != open) complaint ??= $"left {device.Arena.OpenScopes - open} arena scopes open";
        return complaint;
    }

    private static string Position(int at, int[] shape)
    {
        var parts = new int[shape.Length];
        for (var i = shape.Length - 1; i >= 0; i--) (at, parts[i]) = Math.DivRem(at, shape[i]);
        return $"[{string.Join(", ", parts)}]";
    }
}
