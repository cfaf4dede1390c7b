using System.Diagnostics;
using AuralSam2.Bench;
using AuralSam2.Kernels;

namespace AuralSam2.Ladder;

/// <summary>Checks the rungs of a ladder, then times them in turns.</summary>
/// <param name="device">Where they run.</param>
/// <param name="seconds">Time for the rounds of one rung.</param>
internal sealed class LadderRun(CpuDevice device, double seconds)
{
    private const int LeastRounds = 3;
    private const int MostRounds = 25;

    /// <summary>A turn of a fast rung is several calls.</summary>
    private const double TurnSeconds = 5e-3;

    /// <summary>Rows of the timed shape that are compared: a reference of all of them would take minutes.</summary>
    private const int ComparedRows = 12;

    /// <summary>Measures a ladder at a shape.</summary>
    public LadderReport Measure(KernelLadder ladder, int[] shape)
    {
        var peak = CpuPeak.FmaGflops(device.Threads, device.Isa);
        using var problem = ladder.Open(device, shape);
        var turns = ladder.Rungs.Zip(ladder.ErrorsOfBudget(device), (rung, error) => Prepare(problem, rung, error)).ToList();
        for (var round = 0; round < MostRounds; round++)
            foreach (var turn in turns.Where(t => round < t.Rounds)) turn.Take();

        peak = Math.Max(peak, CpuPeak.FmaGflops(device.Threads, device.Isa));
        var rows = new List<RungRow>();
        foreach (var turn in turns)
        {
            var gflops = problem.Flops / turn.Median / 1e9;
            rows.Add(new RungRow(rows.Count + 1, turn.Rung.Title, turn.Rung.Change)
            {
                Ms = 1e3 * turn.Median,
                BestMs = 1e3 * turn.Best,
                Gflops = gflops,
                OfPeak = gflops / peak,
                SpeedUp = rows.Count == 0 ? null : rows[^1].Ms / (1e3 * turn.Median),
                ErrorOfBudget = JsonFile.Finite(turn.ErrorOfBudget),
                IsRight = turn.ErrorOfBudget <= 1,
            });
        }

        return new LadderReport(
            ladder.Name, ladder.Formula, ladder.ShapeForm, string.Join('x', shape), device.Threads, device.Isa.Title(), peak, rows);
    }

    private Turn Prepare(Problem problem, Rung rung, double errorOfOddShapes)
    {
        var run = rung.Bind(problem);
        var error = Math.Max(errorOfOddShapes, problem.ErrorOfBudget(run, ComparedRows));
        var start = Stopwatch.GetTimestamp();
        run();
        var once = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new Turn(rung, run, error)
        {
            Rounds = (int)Math.Clamp(seconds / Math.Max(once, TurnSeconds), LeastRounds, MostRounds),
            Calls = (int)Math.Max(1, TurnSeconds / Math.Max(once, 1e-9)),
        };
    }

    /// <summary>A rung among the others, and how long it took.</summary>
    private sealed record Turn(Rung Rung, Action Run, double ErrorOfBudget)
    {
        private readonly List<double> taken = [];

        public required int Rounds { get; init; }

        public required int Calls { get; init; }

        public double Median => taken.Order().ElementAt(taken.Count / 2);

        public double Best => taken.Min();

        public void Take()
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < Calls; i++) Run();
            taken.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / Calls);
        }
    }
}
