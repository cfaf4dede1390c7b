using System.CommandLine;

namespace AuralSam2.Bench.Trunk;

/// <summary><c>trunk</c>: SAM2's image trunk against TorchSharp.</summary>
internal static class TrunkCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "trunk", DefaultValueFactory = _ => "t" }.AcceptOnlyFromAmong(TrunkShape.Models);
        var threads = new Option<int>("--threads") { Description = "threads of every side", DefaultValueFactory = _ => Environment.ProcessorCount };
        var imageSize = new Option<int>("--image-size") { Description = "side of the image, a multiple of 32", DefaultValueFactory = _ => 1024 };
        var rounds = new Option<int>("--rounds") { Description = "measured runs of every side, after one warm-up", DefaultValueFactory = _ => 5 };
        var peer = new Option<Peers>("--peer") { Description = "configurations of TorchSharp to run", HelpName = "both|installed|fast|none", DefaultValueFactory = _ => Peers.Both };
        var peerOnly = new Option<bool>("--peer-only") { Description = "run TorchSharp alone" };
        var type = new Option<string>("--dtype") { Description = "data type of the peer", DefaultValueFactory = _ => "fp32" }.AcceptOnlyFromAmong("fp32", "bf16");
        var fixture = new Option<FileInfo>("--fixture") { Description = "image encoder fixture that the peer's output is checked against" }.AcceptExistingOnly();
        var json = new Option<bool>("--json") { Description = "print one JSON object instead of a table" };
        var command = new Command("trunk", "times one forward of the image trunk, ours and TorchSharp's in turns, on the same weights")
        {
            model, threads, imageSize, rounds, peer, peerOnly, type, fixture, json,
        };

        AtLeastOne(threads);
        AtLeastOne(rounds);
        imageSize.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var size && (size < 32 || size % 32 != 0)) result.AddError("--image-size must be a multiple of 32");
        });
        command.SetAction(parsed =>
        {
            var race = new TrunkRace(
                TrunkShape.Of(parsed.GetValue(model)!),
                parsed.GetValue(imageSize),
                parsed.GetValue(threads),
                parsed.GetValue(rounds),
                parsed.GetValue(type)!);
            var report = race.Run(parsed.GetValue(peer), !parsed.GetValue(peerOnly), parsed.GetValue(fixture), Console.Error.WriteLine);
            if (parsed.GetValue(json)) Console.WriteLine(report.ToJson());
            else report.WriteTable(Console.Out);
        });
        return command;

        static void AtLeastOne(Option<int> option) => option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1) result.AddError($"{option.Name} must be at least 1");
        });
    }
}
