using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AuralSam2.Bench.Peer;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Race;

/// <summary>
/// <c>race</c> and <c>quick</c>: every op and every part of the model beside TorchSharp; <c>readme</c>: README's table from what was recorded.
/// </summary>
internal static class RaceCommand
{
    /// <summary>Seconds after which <c>quick</c> begins nothing new.</summary>
    private const double QuickSeconds = 240;

    public static Command Create()
    {
        var (only, threads, json, alone) = (Only(), Threads(), Json(), Alone());
        var rounds = new Option<int>("--rounds") { Description = "measured rounds of every side, after a warm-up", DefaultValueFactory = _ => 9 };
        var record = new Option<bool>("--record") { Description = "write bench/results/<machine>/race.json and race.md" };
        var fixture = new Option<FileInfo>("--fixture")
        {
            Description = "image encoder fixture that the peer's trunk is checked against",
        }.AcceptExistingOnly();
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1) result.AddError("--rounds must be at least 1");
        });
        var command = new Command("race", "times every op and every part of the model, ours and TorchSharp's in turns, on the same values")
        {
            only, rounds, threads, alone, json, record, fixture,
        };
        command.SetAction(parsed => Run(
            new MatchLength(parsed.GetValue(threads), parsed.GetValue(rounds), Budget: 30, Fixture: parsed.GetValue(fixture)), parsed.GetValue(only)!,
            quick: false, parsed.GetValue(alone), parsed.GetValue(json), parsed.GetValue(record)));
        return command;
    }

    public static Command CreateQuick()
    {
        var (only, threads, json, alone) = (Only(), Threads(), Json(), Alone());
        var command = new Command("quick", "the same for a selection, in less than five minutes") { only, threads, alone, json };
        command.SetAction(parsed => Run(
            new MatchLength(parsed.GetValue(threads), Rounds: 3, Budget: 5, LongPass: 8), parsed.GetValue(only)!,
            quick: true, parsed.GetValue(alone), parsed.GetValue(json), record: false));
        return command;
    }

    public static Command CreateReadme()
    {
        var command = new Command("readme", "writes README's numbers, and the pages of recorded races, from bench/results");
        command.SetAction(_ =>
        {
            var root = Repository.Root();
            var (readme, recorded) = (Path.Combine(root, "README.md"), RaceMarkdown.Recorded(Path.Combine(root, "bench", "results")).ToArray());
            foreach (var path in recorded) File.WriteAllText(Path.ChangeExtension(path, ".md"), RaceMarkdown.Page(RaceReport.Read(path)));
            File.WriteAllText(readme, RaceMarkdown.Readme(File.ReadAllText(readme), recorded.Select(RaceReport.Read)));
        });
        return command;
    }

    private static Option<string> Only() =>
        new("--only") { Description = "what contains this text, for example \"trunk t\" or Gemm", DefaultValueFactory = _ => "" };

    private static Option<int> Threads()
    {
        var option = new Option<int>("--threads") { Description = "threads of every side", DefaultValueFactory = _ => Environment.ProcessorCount };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1) result.AddError("--threads must be at least 1");
        });
        return option;
    }

    private static Option<FileInfo?> Json() => new("--json") { Description = "file that receives an array of records, rewritten after each" };

    private static Option<bool> Alone() => new("--alone") { Description = "this engine alone, no TorchSharp" };

    private static int Run(MatchLength length, string only, bool quick, bool alone, FileInfo? json, bool record)
    {
        var begin = Stopwatch.GetTimestamp();
        using var device = new CpuDevice(length.Threads);
        var peer = alone ? null : Installation();
        using var match = new Match(device, length, peer, Console.WriteLine);
        var field = new Field(device, only);
        var records = new List<RaceRecord>();
        var late = 0;
        Console.WriteLine($"{Machine.Here().Cpu}, {length.Threads} threads, {match.Limits}");
        Console.WriteLine("medians in ms: ours, TorchSharp as installed, TorchSharp on the MKL fast path");
        foreach (var contestant in Contestants())
        {
            using (contestant)
            {
                if (quick && Stopwatch.GetElapsedTime(begin).TotalSeconds > QuickSeconds)
                {
                    late++;
                    continue;
                }

                records.Add(match.Run(contestant));
            }

            if (json is not null) Report().WriteRecords(json.FullName); // should time run out, what there is remains
        }

        match.MeasureLimits();
        records = [.. records.Select(r => r with { FmaPeakGflops = match.Limits.FmaGflops, CopyGbS = match.Limits.CopyGbs })];
        if (records.Count == 0) throw new InvalidOperationException($"nothing is called '{only}'");
        if (json is not null) Report().WriteRecords(json.FullName);
        if (late > 0) Console.WriteLine($"out of time: {late} were not raced");
        Summarise(Report());
        if (record) Record(Report());
        return 0;

        // Should time run out, a part is missing rather than many ops.
        IEnumerable<IContestant> Contestants() =>
            quick ? field.Ops(quick).Concat(field.Parts(quick)) : field.Parts(quick).Concat(field.Ops(quick));

        RaceReport Report() => new(
            DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), Machine.Here(),
            new RaceVersions(
                typeof(CpuPeak).Assembly.GetName().Version!.ToString(3), Environment.Version.ToString(),
                match.PeerVersions?.TorchSharp, match.PeerVersions?.Libtorch),
            records);
    }

    /// <summary>The peer, or null where it cannot be had.</summary>
    private static TorchInstallation? Installation()
    {
        Console.Error.WriteLine("building the TorchSharp peer (the first time downloads libtorch)");
        try
        {
            return TorchInstallation.Build();
        }
        catch (Exception e) when (e is PlatformNotSupportedException or InvalidOperationException or InvalidDataException)
        {
            Console.Error.WriteLine($"this engine runs alone: {e.Message}");
            return null;
        }
    }

    private static void Summarise(RaceReport race)
    {
        foreach (var (what, raced) in (ReadOnlySpan<(string, IEnumerable<RaceRecord>)>)[("parts", race.Parts), ("ops", race.Ops)])
        {
            if (RaceReport.MeanRatio(raced) is { } mean)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: ratio {mean:0.00} in the geometric mean"));
        }

        foreach (var r in race.Behind)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"behind: {r.Ratio:0.00}x {r.Name} {r.Shape}"));
    }

    private static void Record(RaceReport race)
    {
        var folder = Path.Combine(Repository.Root(), "bench", "results", race.Machine.Slug);
        Directory.CreateDirectory(folder);
        race.Write(Path.Combine(folder, "race.json"));
        File.WriteAllText(Path.Combine(folder, "race.md"), RaceMarkdown.Page(race));
        Console.WriteLine($"{folder}: race.json and race.md; `readme` writes README's numbers from them");
    }
}
