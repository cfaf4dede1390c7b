using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Ops;

/// <summary>Times the gradients of ops: the walk back over a tape that holds one call, with all gradients wanted.</summary>
/// <param name="device">Where they run.</param>
/// <param name="budget">Time for the rounds of an op, forward included, in seconds.</param>
internal sealed class GradientTimer(Device device, double budget)
{
    private const int LeastRounds = 5;

    /// <summary>Times a case.</summary>
    /// <returns>The time, and the case with the operations that its gradient declares.</returns>
    /// <exception cref="NotSupportedException">The device has no kernel for it.</exception>
    public (OpTime Time, OpCase Gradient) Measure(OpCase subject)
    {
        using var bound = new BoundCase(device, subject);
        using var tape = new Tape(device);
        using var scope = device.Scope();
        var (seconds, flops) = (new List<double>(), 0.0);
        Round(bound, tape, subject, ref flops); // finds the arena planned
        for (var begin = Stopwatch.GetTimestamp(); seconds.Count < LeastRounds || Stopwatch.GetElapsedTime(begin).TotalSeconds < budget;)
            seconds.Add(Round(bound, tape, subject, ref flops));
        var median = seconds.Order().ElementAt(seconds.Count / 2);
        return (new OpTime(median, seconds.Min(), 0, 1, default), subject with { Flops = flops });
    }

    private double Round(BoundCase bound, Tape tape, OpCase subject, ref double flops)
    {
        for (var i = 0; i < bound.Operands.Count; i++)
            if (subject.Operands[i] is { Role: not OperandRole.Output, Constant: false }) tape.Reach(bound.Operands[i]);
        using (tape.Record()) bound.Calls[0].Run();
        tape.ClearGradients();
        foreach (var result in bound.Results)
            if (tape.Reaches(result)) device.Fill(tape.Gradient(result), 1e-3f);
        device.Synchronize();
        var declared = device.DeclaredFlops;
        var start = Stopwatch.GetTimestamp();
        tape.WalkBack();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        flops = device.DeclaredFlops - declared;
        return seconds;
    }
}
