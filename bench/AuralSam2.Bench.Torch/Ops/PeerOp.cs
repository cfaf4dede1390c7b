using System.Diagnostics;
using AuralSam2.Bench.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>A way to write an op, bound to operands.</summary>
/// <param name="Name">What is particular about it.</param>
/// <param name="Run">Runs it once.</param>
/// <param name="ToOurs">Brings its result into this engine's layout; not timed. Null where it has it.</param>
internal sealed record BoundWay(string Name, Func<Tensor> Run, Func<Tensor, Tensor>? ToOurs = null);

/// <summary>One case of the registry in PyTorch, in the fastest of the ways in which it can be written well.</summary>
internal sealed class PeerOp : IPeerPart
{
    private const int Rounds = 5;
    private const double RoundSeconds = 4e-3;

    private readonly PeerOperands operands;
    private readonly BoundWay way;

    /// <summary>Makes the operands and tries the ways in turns.</summary>
    /// <exception cref="NotSupportedException">The op has no counterpart.</exception>
    public PeerOp(OpSpec spec)
    {
        operands = new PeerOperands(spec);
        using var scope = NewDisposeScope();
        var ways = TorchOps.Ways(spec.Op, operands);
        way = ways.Count == 1 ? ways[0] : Fastest(ways);
    }

    /// <summary>Which way it is.</summary>
    public string Way => way.Name;

    public void Prepare()
    {
        // A call in place goes on from its own result, as this engine's does.
    }

    public void Run()
    {
        using var scope = NewDisposeScope();
        way.Run();
    }

    /// <summary>Runs once more, on operands as they were in the beginning.</summary>
    public IReadOnlyList<Tensor> Outputs()
    {
        using var scope = NewDisposeScope();
        operands.Reset();
        var result = way.Run();
        return [(way.ToOurs?.Invoke(result) ?? result).to(ScalarType.Float32).contiguous().MoveToOuterDisposeScope()];
    }

    public void Dispose() => operands.Dispose();

    private static BoundWay Fastest(IReadOnlyList<BoundWay> ways)
    {
        var counts = ways.Select(w =>
        {
            Seconds(w, 1);
            return (int)Math.Clamp(RoundSeconds / Math.Max(Seconds(w, 1), 1e-9), 1, 1000);
        }).ToArray();
        var best = new double[ways.Count];
        Array.Fill(best, double.PositiveInfinity);
        for (var round = 0; round < Rounds; round++)
            for (var i = 0; i < ways.Count; i++) best[i] = Math.Min(best[i], Seconds(ways[i], counts[i]));
        return ways[Array.IndexOf(best, best.Min())];
    }

    private static double Seconds(BoundWay way, int count)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            using var scope = NewDisposeScope();
            way.Run();
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }
}
