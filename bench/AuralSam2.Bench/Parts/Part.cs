using System.Diagnostics;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Parts;

/// <summary>One part of the model, with its weights and inputs on a device.</summary>
/// <param name="Name">What it is; the peer's part of the same name computes the same.</param>
/// <param name="Run">Runs it once; rents what it needs in the caller's scope.</param>
/// <param name="Prepare">Puts back inputs that a run overwrites; not timed.</param>
/// <param name="Outputs">What the last run computed, while the scope it ran in lasts.</param>
internal sealed record Part(string Name, Action Run, Action? Prepare = null, Func<IReadOnlyList<Tensor>>? Outputs = null)
{
    private const int Warmups = 2;
    private const int LeastRounds = 3;

    /// <summary>A part that is a pure function of its inputs: there is nothing to prepare.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="run">The function; returns its outputs, rented in the caller's scope or owned by the part.</param>
    public static Part Of(string name, Func<Tensor[]> run)
    {
        Tensor[] outputs = [];
        return new Part(name, () => outputs = run(), Prepare: null, () => outputs);
    }

    /// <summary>Times single runs, each from a device without work to a device without work.</summary>
    /// <param name="device">Where the part is.</param>
    /// <param name="budget">Time for the rounds, in seconds.</param>
    /// <param name="roofline">Limits of the device.</param>
    public PartRow Measure(Device device, double budget, Roofline roofline)
    {
        // The first run compiles kernels, the second finds the arena planned.
        for (var i = 0; i < Warmups; i++) Once(device);
        var flops = device.DeclaredFlops;
        var seconds = new List<double>();
        for (var begin = Stopwatch.GetTimestamp(); seconds.Count < LeastRounds || Stopwatch.GetElapsedTime(begin).TotalSeconds < budget;)
            seconds.Add(Once(device));
        flops = (device.DeclaredFlops - flops) / seconds.Count;
        var median = seconds.Order().ElementAt(seconds.Count / 2);
        return new PartRow(Name)
        {
            Ms = 1e3 * median,
            BestMs = 1e3 * seconds.Min(),
            Rounds = seconds.Count,
            Gflop = flops / 1e9,
            OfFma = flops / 1e9 / median / roofline.FmaGflops,
        };
    }

    private double Once(Device device)
    {
        using var scope = device.Scope();
        Prepare?.Invoke();
        device.Synchronize();
        var start = Stopwatch.GetTimestamp();
        Run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
