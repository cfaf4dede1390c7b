using AuralSam2.Bench.Peer;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Trunk;

/// <summary>Which configurations of the peer take part.</summary>
internal enum Peers
{
    Both,
    Installed,
    Fast,
    None,
}

/// <summary>Runs the same trunk on the same weights and image on every side, in turns.</summary>
/// <param name="Shape">The trunk.</param>
/// <param name="ImageSize">Side of the square image in pixels, a multiple of 32.</param>
/// <param name="Threads">Threads of every side.</param>
/// <param name="Rounds">Measured runs of every side.</param>
/// <param name="PeerType">Data type of the peer: fp32 or bf16.</param>
internal sealed record TrunkRace(TrunkShape Shape, int ImageSize, int Threads, int Rounds, string PeerType)
{
    /// <summary>
    /// Pause before each run. The OpenMP threads of libtorch spin for some milliseconds after a forward and would take a core from
    /// whoever runs next; a pause leaves the peer as its users run it, where OMP_WAIT_POLICY=passive would change it.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(400);

    /// <summary>Measures.</summary>
    /// <param name="peers">Configurations of the peer.</param>
    /// <param name="withOurs">Whether this engine takes part.</param>
    /// <param name="fixture">Output of the official implementation, which the peer's must match; null checks nothing.</param>
    /// <param name="progress">Told what happens, a line at a time.</param>
    public TrunkReport Run(Peers peers, bool withOurs, FileInfo? fixture, Action<string> progress)
    {
        var sides = new List<ITrunk>();
        try
        {
            var ours = withOurs ? Join(new OurTrunk(this)) : null;
            TorchTrunk? installed = null, fast = null;
            if (peers != Peers.None)
            {
                progress("building the TorchSharp peer (the first time downloads libtorch)");
                var installation = TorchInstallation.Build();
                progress("starting the TorchSharp peer");
                if (peers != Peers.Fast) installed = Join(new TorchTrunk(installation, mklFastPath: false, this));
                if (peers != Peers.Installed) fast = Join(new TorchTrunk(installation, mklFastPath: true, this));
            }

            var peakBefore = CpuPeak.FmaGflops(Threads);
            var times = sides.ToDictionary(side => side, _ => new List<double>());
            for (var round = 0; round <= Rounds; round++)
            {
                foreach (var side in sides)
                {
                    Thread.Sleep(Pause);
                    var milliseconds = side.Run();
                    if (round > 0) times[side].Add(milliseconds);
                    progress($"{(round == 0 ? "warm-up" : $"round {round}/{Rounds}")}  {side.Name}: {milliseconds:F0} ms");
                }
            }

            var peak = Math.Max(peakBefore, CpuPeak.FmaGflops(Threads));
            var peer = installed ?? fast;
            return new TrunkReport
            {
                Model = Shape.Model,
                Threads = Threads,
                ImageSize = ImageSize,
                Rounds = Rounds,
                PeerType = PeerType,
                OursMs = MedianOf(ours),
                OursBestMs = BestOf(ours),
                TorchsharpMs = MedianOf(installed),
                TorchsharpBestMs = BestOf(installed),
                TorchsharpFastMs = MedianOf(fast),
                TorchsharpFastBestMs = BestOf(fast),
                MaxAbsDiff = ours is null || peer is null ? null : LargestDifference(ours.Output(), peer.Output()),
                PeerFixtureDiff = fixture is null ? null : peer?.DifferenceFrom(fixture),
                Gflop = Shape.Gflop(ImageSize),
                FmaPeakGflops = peak,
                Machine = Machine.Here(),
                Versions = new RuntimeVersions(peer?.Versions.TorchSharp, peer?.Versions.Libtorch),
            };

            double? MedianOf(ITrunk? side) => side is null ? null : Median(times[side]);

            double? BestOf(ITrunk? side) => side is null ? null : times[side].Min();
        }
        finally
        {
            foreach (var side in sides) side.Dispose();
        }

        T Join<T>(T side)
            where T : ITrunk
        {
            sides.Add(side);
            return side;
        }
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double LargestDifference(float[] ours, float[] theirs)
    {
        if (ours.Length != theirs.Length) throw new InvalidOperationException($"{ours.Length} values of ours against {theirs.Length} of the peer");
        var largest = 0.0;
        for (var i = 0; i < ours.Length; i++)
        {
            var difference = Math.Abs((double)ours[i] - theirs[i]);
            if (!(difference <= largest)) largest = difference; // a NaN shows
        }

        return largest;
    }
}
