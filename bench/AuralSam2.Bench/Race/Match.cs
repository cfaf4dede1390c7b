using System.Diagnostics;
using System.Globalization;
using AuralSam2.Bench.Peer;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Race;

/// <summary>How long things are raced.</summary>
/// <param name="Threads">Threads of every side.</param>
/// <param name="Rounds">Measured rounds of every side, after a warm-up; at least one.</param>
/// <param name="Budget">Seconds after which no further round of a thing begins; the warm-up is not counted.</param>
/// <param name="LongPass">A pass over all sides that takes this long, in seconds, is no mere warm-up: it counts as a round.</param>
/// <param name="Fixture">Output of the official implementation that the peer's trunk must match; null checks nothing.</param>
internal sealed record MatchLength(int Threads, int Rounds, double Budget, double LongPass = 20, FileInfo? Fixture = null);

/// <summary>The sides of a race, and one thing after another that they run in turns: A B C A B C.</summary>
internal sealed class Match : IDisposable
{
    private const string Float32 = "fp32";
    private const string Bfloat16 = "bf16";

    /// <summary>A turn is timed for about this long at least, in milliseconds: what is short is run many times.</summary>
    private const double TurnMs = 30;

    /// <summary>
    /// A turn begins with runs for about this long, in milliseconds, that are not timed: after the pause, processors wake up, clocks rise and
    /// caches fill, on every side.
    /// </summary>
    private const double WarmMs = 15;

    private const int MostRuns = 10000;

    /// <summary>
    /// Pause before each turn. The OpenMP threads of libtorch spin for some milliseconds after their work (see bench/README.md) and would take a
    /// core from whoever runs next; a pause leaves the peer as its users run it, where OMP_WAIT_POLICY=passive would change it.
    /// </summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(30);

    private readonly Device device;
    private readonly MatchLength length;
    private readonly Action<string> progress;
    private readonly List<TorchPeer> peers = [];

    /// <summary>Starts the peers.</summary>
    /// <param name="device">Where this engine runs.</param>
    /// <param name="length">How long.</param>
    /// <param name="installation">The peer; null races nobody.</param>
    /// <param name="progress">Told what happens, a line at a time.</param>
    public Match(Device device, MatchLength length, TorchInstallation? installation, Action<string> progress)
    {
        (this.device, this.length, this.progress) = (device, length, progress);
        if (installation is not null)
            foreach (var fast in (bool[])[false, true]) peers.Add(new TorchPeer(installation, fast, length.Threads));
        Limits = Roofline.Measure(device);
    }

    /// <summary>The best that was seen of this processor so far.</summary>
    public Roofline Limits { get; private set; }

    /// <summary>Versions of TorchSharp and libtorch.</summary>
    public (string TorchSharp, string Libtorch)? PeerVersions => peers.Count == 0 ? null : peers[0].Versions;

    /// <summary>Races one thing.</summary>
    public RaceRecord Run(IContestant ours)
    {
        var notes = new List<string>();
        var result = ours.First();
        var (ways, difference) = (new string?[2], (double?)null);
        var sides = new List<Side> { new("ours", ours.Run) };
        for (var i = 0; i < peers.Count; i++)
        {
            var peer = peers[i];
            var runs = Try(() =>
            {
                ways[i] = Load(peer, Float32, ours);
                var apart = Samples.LargestDifference(result, peer.Output(Float32));
                difference = difference is { } other ? Math.Max(other, apart) : apart;
            });
            if (!runs) continue;
            sides.Add(new(i == 0 ? "installed" : "fast", count => peer.Run(Float32, count)));
            if (ours.HasBfloat16 && Try(() => Load(peer, Bfloat16, ours))) sides.Add(new($"bf16 {i}", count => peer.Run(Bfloat16, count)));
        }

        var fixtureDifference = (double?)null;
        if (length.Fixture is { } fixture && peers.Count > 0) Try(() => fixtureDifference = peers[0].DifferenceFrom(Float32, fixture));
        TakeTurns(sides);
        foreach (var peer in peers)
            foreach (var slot in (string[])[Float32, Bfloat16]) peer.Free(slot);

        Samples? Of(string side) => sides.FirstOrDefault(s => s.Name == side)?.Samples;
        var (installed, fast) = (Of("installed"), Of("fast"));
        var bf16 = new[] { Of("bf16 0"), Of("bf16 1") }.OfType<Samples>().MinBy(s => s.Median);
        var record = new RaceRecord(ours.Name, ours.Shape)
        {
            OursMs = sides[0].Samples.Median,
            OursBestMs = sides[0].Samples.Best,
            TorchsharpMs = installed?.Median,
            TorchsharpBestMs = installed?.Best,
            TorchsharpFastMs = fast?.Median,
            TorchsharpFastBestMs = fast?.Best,
            TorchsharpBf16Ms = bf16?.Median,
            TorchsharpBf16BestMs = bf16?.Best,
            TorchsharpWay = (fast?.Median < installed?.Median ? ways[1] : ways[0]) is { Length: > 0 } way ? way : null,
            Gflop = ours.Flops / 1e9,
            Gb = ours.Bytes / 1e9,
            MaxAbsDiff = difference,
            MaxAbs = result.Length == 0 ? null : result.Max(Math.Abs),
            PeerFixtureDiff = fixtureDifference,
            Threads = length.Threads,
            Rounds = sides[0].Samples.Count,
            FmaPeakGflops = Limits.FmaGflops,
            CopyGbS = Limits.CopyGbs,
            Note = notes.Count == 0 ? null : string.Join("; ", notes.Distinct()),
        };
        progress(Line(record));
        return record;

        bool Try(Action action)
        {
            try
            {
                action();
                return true;
            }
            catch (Exception e) when (e is PeerException or InvalidOperationException)
            {
                notes.Add(e.Message);
                return false;
            }
        }
    }

    /// <summary>Measures the limits once more: clocks change.</summary>
    public void MeasureLimits() => Limits = Limits.Or(Roofline.Measure(device));

    public void Dispose()
    {
        foreach (var peer in peers) peer.Dispose();
    }

    private static string Load(TorchPeer peer, string slot, IContestant ours)
    {
        peer.BeginLoad(slot, ours.PeerLoad(slot));
        return peer.Answer();
    }

    private void TakeTurns(List<Side> sides)
    {
        var begin = Stopwatch.GetTimestamp();
        foreach (var side in sides)
        {
            Pause();
            side.RunMs = side.Run(1);
            // A first run says little about the ones that follow: a few more rough measures, each of more runs.
            for (var i = 0; i < 3 && side.RunMs < WarmMs; i++) side.RunMs = side.Run(side.RunsIn(WarmMs / 3));
        }

        if (Stopwatch.GetElapsedTime(begin).TotalSeconds > length.LongPass)
            foreach (var side in sides) side.Samples.Add(side.RunMs);
        else
            begin = Stopwatch.GetTimestamp();
        while (sides[0].Samples.Count < length.Rounds)
        {
            if (sides[0].Samples.Count > 0 && Stopwatch.GetElapsedTime(begin).TotalSeconds > length.Budget) break;
            foreach (var side in sides)
            {
                Pause();
                if (side.RunMs < WarmMs) side.Run(side.RunsIn(WarmMs));
                side.Samples.Add(side.Run(side.RunsIn(TurnMs)));
            }
        }
    }

    private void Pause()
    {
        if (peers.Count > 0) Thread.Sleep(Rest);
    }

    private static string Line(RaceRecord r) => string.Create(
        CultureInfo.InvariantCulture,
        $"{r.Name,-17} {r.Shape,-60} {r.OursMs,9:0.000} {r.TorchsharpMs,9:0.000} {r.TorchsharpFastMs,9:0.000} {r.Ratio,6:0.00}x ") + string.Create(
        CultureInfo.InvariantCulture,
        $"{r.PercentOfPeak,4:0} % of peak  difference {r.MaxAbsDiff:0.0e+00} of {r.MaxAbs:0.0e+00} {r.Note}");

    /// <summary>One side of a race.</summary>
    private sealed class Side(string name, Func<int, double> run)
    {
        public string Name { get; } = name;

        public Samples Samples { get; } = new();

        /// <summary>Milliseconds that a run takes, roughly.</summary>
        public double RunMs { get; set; }

        /// <summary>Runs that take about so many milliseconds; at least one.</summary>
        public int RunsIn(double ms) => (int)Math.Clamp(ms / Math.Max(RunMs, 1e-6), 1, MostRuns);

        public double Run(int count) => run(count);
    }
}
