namespace AuralSam2.Kernels.Registry;

/// <summary>
/// Checks the gradients of a case: what the tape says on a device against finite differences of the float64 reference. The op is part of the
/// loss sum(seed * y) with random seeds.
/// </summary>
public static class GradientRunner
{
    /// <summary>Central differences in float64: the step's own error is 1e-12 of third derivatives, rounding 1e-10 of the loss.</summary>
    private const double Step = 1e-6;

    /// <summary>Checks the gradients of all operands together, and of every operand alone.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="subject">The case.</param>
    /// <param name="probes">Elements of each operand that are compared one by one; a random direction through all of them is always.</param>
    /// <param name="alone">Whether every operand's gradient is also made alone, as if the others were frozen.</param>
    public static OpOutcome Check(Device device, OpCase subject, int probes = 12, bool alone = true)
    {
        int[] wanted =
        [
            .. Enumerable.Range(0, subject.Operands.Length)
                .Where(i => subject.Operands[i] is { Role: not OperandRole.Output, Constant: false } o && new Shape(o.Shape).Length > 0),
        ];
        var outcome = new OpOutcome(subject, device.Name, 0, "nowhere", null);
        var together = Gradients(device, subject, wanted, out var complaint);
        if (complaint is not null) return outcome with { Message = complaint };
        foreach (var operand in wanted)
        {
            outcome = Compare(subject, operand, together[operand], probes, outcome);
            if (!outcome.Ok) return outcome;
            if (wanted.Length == 1 || !alone) continue;
            var only = Gradients(device, subject, [operand], out complaint);
            if (complaint is not null) return outcome with { Message = $"{subject.Operands[operand].Name} alone: {complaint}" };
            if (Largest(only[operand].Zip(together[operand], (a, b) => (double)a - b)) > subject.GradientBudget * Largest(together[operand].Select(v => (double)v)))
                return outcome with { Message = $"{subject.Operands[operand].Name} has another gradient when it alone is wanted" };
        }

        return outcome;
    }

    /// <summary>The gradients that a tape makes.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="subject">The case.</param>
    /// <param name="wanted">Operands whose gradients are wanted.</param>
    /// <param name="complaint">What went wrong, or null.</param>
    /// <returns>By operand; empty where none was wanted.</returns>
    public static float[][] Gradients(Device device, OpCase subject, int[] wanted, out string? complaint)
    {
        using var operands = new GuardedOperands(device, subject);
        using var tape = new Tape(device);
        using var scope = device.Scope();
        using var call = subject.Bind(device, operands.Tensors);
        foreach (var i in wanted) tape.Reach(operands.Tensors[i]);
        using (tape.Record()) call.Run();

        tape.ClearGradients();
        for (var i = 0; i < subject.Operands.Length; i++)
            if (subject.Operands[i].Role != OperandRole.Input && tape.Reaches(operands.Tensors[i])) device.Upload(Seeds(subject, i), tape.Gradient(operands.Tensors[i]));
        var open = device.Arena.OpenScopes;
        tape.WalkBack();
        complaint = operands.Inspect(out _) ?? (device.Arena.OpenScopes == open ? null : "left an arena scope open");
        var gradients = new float[subject.Operands.Length][];
        for (var i = 0; i < gradients.Length; i++)
        {
            gradients[i] = wanted.Contains(i) ? device.Download(tape.Gradient(operands.Tensors[i])) : [];
            if (subject.Operands[i].Role == OperandRole.Output && tape.HasGradient(operands.Tensors[i]) &&
                device.Download(tape.Gradient(operands.Tensors[i])).Any(v => v != 0))
                complaint ??= $"left a gradient in {subject.Operands[i].Name}";
        }

        return gradients;
    }

    private static OpOutcome Compare(OpCase subject, int operand, float[] found, int probes, OpOutcome outcome)
    {
        var name = subject.Operands[operand].Name;
        var random = new SplitMix64($"{subject}/{name}/probes");
        var initial = Initial(subject);
        var scale = Largest(found.Select(v => (double)v));

        var direction = Enumerable.Range(0, found.Length).Select(_ => random.NextUnit() < 0.5 ? -1.0 : 1.0).ToArray();
        if (Slope(subject, initial, operand, direction) is { } slope)
        {
            var along = found.Zip(direction, (g, d) => g * d).Sum();
            var error = Math.Abs(along - slope) / Math.Max(Math.Sqrt(found.Length) * scale, Math.Abs(slope) is var s && s > 0 ? s : 1);
            outcome = Worse(outcome, error, $"{name}, in a random direction", along, slope);
        }

        for (var p = 0; p < Math.Min(probes, found.Length) && outcome.Ok; p++)
        {
            var at = probes >= found.Length ? p : (int)(random.NextUnit() * found.Length);
            var unit = new double[found.Length];
            unit[at] = 1;
            if (Slope(subject, initial, operand, unit) is not { } expected) continue;
            outcome = Worse(outcome, Math.Abs(found[at] - expected) / Math.Max(scale, Math.Abs(expected) is var e && e > 1e-9 ? e : 1), $"{name}, element {at}", found[at], expected);
        }

        return outcome;
    }

    private static OpOutcome Worse(OpOutcome outcome, double error, string where, double found, double expected)
    {
        if (error <= outcome.Error) return outcome;
        var budget = outcome.Case.GradientBudget;
        var message = error <= budget ? null : $"gradient of {where}: {found:g9}, finite differences say {expected:g9}: error {error:g3}, budget {budget:g3}";
        return outcome with { Error = error, Where = where, Message = message };
    }

    /// <summary>Derivative of the loss along a direction; null next to a kink, where two steps disagree.</summary>
    private static double? Slope(OpCase subject, double[][] initial, int operand, double[] direction)
    {
        double Difference(double h) => (Loss(subject, initial, operand, direction, h) - Loss(subject, initial, operand, direction, -h)) / (2 * h);
        var (wide, narrow) = (Difference(4 * Step), Difference(Step));
        return Math.Abs(wide - narrow) > 1e-6 * (1 + Math.Abs(narrow)) ? null : narrow;
    }

    private static double Loss(OpCase subject, double[][] initial, int operand, double[] direction, double h)
    {
        var values = initial.Select(v => (double[])v.Clone()).ToArray();
        for (var i = 0; i < direction.Length; i++) values[operand][i] += h * direction[i];
        subject.Reference(values);
        var loss = 0.0;
        for (var i = 0; i < values.Length; i++)
        {
            if (subject.Operands[i] is { Role: OperandRole.Input } or { Constant: true }) continue;
            var seeds = Seeds(subject, i);
            for (var at = 0; at < seeds.Length; at++) loss += seeds[at] * values[i][at];
        }

        return loss;
    }

    private static double[][] Initial(OpCase subject)
    {
        using var host = new CpuDevice(1);
        using var operands = new GuardedOperands(host, subject);
        return [.. Enumerable.Range(0, subject.Operands.Length).Select(operands.Initial)];
    }

    private static float[] Seeds(OpCase subject, int operand)
    {
        var random = new SplitMix64($"{subject}/{subject.Operands[operand].Name}/seeds");
        var seeds = new float[new Shape(subject.Operands[operand].Shape).Length];
        foreach (ref var seed in seeds.AsSpan()) seed = (float)((2 * random.NextUnit()) - 1);
        return seeds;
    }

    private static double Largest(IEnumerable<double> values) => values.Select(Math.Abs).DefaultIfEmpty(0).Max();
}
