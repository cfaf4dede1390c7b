using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuralSam2.Bench.Race;

/// <summary>Versions of what ran.</summary>
/// <param name="Auralsam2">This engine.</param>
/// <param name="Dotnet">The .NET runtime.</param>
/// <param name="Torchsharp">TorchSharp, where a peer ran.</param>
/// <param name="Libtorch">The libtorch under it.</param>
internal sealed record RaceVersions(string Auralsam2, string Dotnet, string? Torchsharp, string? Libtorch);

/// <summary>One run of <c>race</c> on one machine.</summary>
/// <param name="Date">Day, UTC.</param>
/// <param name="Machine">Where.</param>
/// <param name="Versions">What ran.</param>
/// <param name="Records">What was raced, in the order in which it was: parts of the model, then ops.</param>
internal sealed record RaceReport(string Date, Machine Machine, RaceVersions Versions, IReadOnlyList<RaceRecord> Records)
{
    private static readonly JsonSerializerOptions Json = new(JsonFile.Options)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.Never, // a peer that is missing is a null, not a name that is missing
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a difference that is NaN shows
    };

    /// <summary>Parts of the model.</summary>
    [JsonIgnore]
    public IEnumerable<RaceRecord> Parts => Records.Where(r => !r.IsOp);

    /// <summary>Ops of the registry.</summary>
    [JsonIgnore]
    public IEnumerable<RaceRecord> Ops => Records.Where(r => r.IsOp);

    /// <summary>What the peer is faster at, worst first.</summary>
    [JsonIgnore]
    public IEnumerable<RaceRecord> Behind => Records.Where(r => r.Ratio < 1).OrderBy(r => r.Ratio);

    /// <summary>Geometric mean of the ratios; null where nothing was raced.</summary>
    public static double? MeanRatio(IEnumerable<RaceRecord> records)
    {
        var ratios = records.Select(r => r.Ratio).OfType<double>().ToArray();
        return ratios.Length == 0 ? null : Math.Exp(ratios.Average(Math.Log));
    }

    /// <summary>Writes the records alone, as one array. The file is whole at any moment: an interruption leaves what there was.</summary>
    public void WriteRecords(string path) => Write(path, JsonSerializer.Serialize(Records, Json));

    /// <summary>Writes everything.</summary>
    public void Write(string path) => Write(path, JsonSerializer.Serialize(this, Json));

    /// <summary>Reads what <see cref="Write(string)"/> wrote.</summary>
    /// <exception cref="JsonException">It is something else.</exception>
    public static RaceReport Read(string path) => JsonSerializer.Deserialize<RaceReport>(File.ReadAllText(path), Json)!;

    private static void Write(string path, string text)
    {
        var unfinished = path + ".new";
        File.WriteAllText(unfinished, text + "\n");
        File.Move(unfinished, path, overwrite: true);
    }
}
