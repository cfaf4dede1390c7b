using System.CommandLine;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary><c>aural convert</c>: its arguments.</summary>
internal sealed class ConvertCommand : Command
{
    private const string Ending = ".safetensors";

    private readonly Argument<string[]> files = new("FILES")
    {
        Description = $"What to read, in any order, and at the end the {Ending} file to write.",
        HelpName = $"IN... OUT{Ending}",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> dtype = new("--dtype")
    {
        Description = "Store floats as this type; without it each keeps its own. Integers always stay.",
        HelpName = "f32|f16|bf16",
    };

    private readonly Option<bool> force = new("--force") { Description = "Replace the file if it exists, once the new one is complete." };
    private readonly Option<bool> json = SharedOptions.Json();

    public ConvertCommand(IEngine engine, CommandStreams streams, CancellationToken cancellation)
        : base("convert", "Writes checkpoints as one safetensors file under the official names.")
    {
        dtype.AcceptOnlyFromAmong("f32", "f16", "bf16");
        Arguments.Add(files);
        foreach (var option in (Option[])[dtype, force, json]) Options.Add(option);
        SetAction(parsed => new ConvertRun(engine, streams, cancellation).Run(RequestOf(parsed)));
    }

    private ConvertRequest RequestOf(ParseResult parsed)
    {
        var given = parsed.GetValue(files)!;
        if (!given[^1].EndsWith(Ending, StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"where to? End the line with the file to write, NAME{Ending}");
        if (given.Length < 2) throw new UsageException($"what to convert? Name at least one file before {given[^1]}");
        return new ConvertRequest(
            given[..^1],
            given[^1],
            parsed.GetValue(dtype) switch
            {
                "f32" => SafetensorsDType.F32,
                "f16" => SafetensorsDType.F16,
                "bf16" => SafetensorsDType.BF16,
                _ => null,
            },
            parsed.GetValue(force),
            parsed.GetValue(json));
    }
}

/// <summary>What <c>aural convert</c> was asked to do.</summary>
/// <param name="Files">Files to read.</param>
/// <param name="Out">File to write.</param>
/// <param name="DType">Type of the floats; null leaves each as it is.</param>
/// <param name="Force">Replace an existing file.</param>
/// <param name="Json">Print JSON instead of a summary.</param>
internal sealed record ConvertRequest(IReadOnlyList<string> Files, string Out, SafetensorsDType? DType, bool Force, bool Json);

/// <summary>What <c>aural convert --json</c> prints.</summary>
internal sealed record ConvertDocument(
    string Tool, string Version, string Out, string Is, IReadOnlyList<string> Missing, string? Dtype, int Tensors, long Parameters, long Bytes,
    double Seconds, IReadOnlyList<ModelWeights.File> Files);
