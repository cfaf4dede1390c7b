using System.Text.Json;
using AuralSam2.Models.Sam2;
using AuralSam2.Testing;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>weights/manifest.json against the models that its files are for.</summary>
public sealed class ManifestTests
{
    private static readonly string Manifest = Path.Combine(Repository.Root, "weights", "manifest.json");

    private static readonly JsonElement[] Files =
        [.. JsonDocument.Parse(File.ReadAllText(Manifest)).RootElement.GetProperty("files").EnumerateArray()];

    [Fact]
    public void Numbers_of_parameters_are_those_of_the_models()
    {
        var counted = Files.Where(file => file.GetProperty("parameters").ValueKind == JsonValueKind.Number).ToList();
        Assert.Equal(9, counted.Count);
        foreach (var file in counted)
        {
            var words = file.GetProperty("what").GetString()!.Split(' ', ',');
            var part = words[0] == "VGGish" ? WeightParts.Vggish : WeightParts.Sam2;
            var version = words[0] == "SAM2.1" ? Sam2Version.V21 : Sam2Version.V20;
            var parameters = SparseFiles.Parameters(part == WeightParts.Sam2 ? words[1] : "t", version).Of(part);
            Assert.Equal(file.GetProperty("parameters").GetInt64(), parameters.Sum(p => p.Shape.Aggregate(1L, (n, d) => n * d)));
        }
    }

    [Fact]
    public void Nothing_is_claimed_that_is_not_known()
    {
        Assert.Equal(Files.Length, Files.Select(file => file.GetProperty("name").GetString()).Distinct().Count());
        foreach (var file in Files)
        {
            Assert.Equal(JsonValueKind.Null, file.GetProperty("bytes").ValueKind);
            Assert.False(file.TryGetProperty("sha256", out _));
            Assert.True(file.GetProperty("url").ValueKind == JsonValueKind.String ^ file.TryGetProperty("how", out _));
            Assert.NotEmpty(file.GetProperty("licence").GetString()!);
        }
    }

    [Fact]
    public void The_script_reads_one_file_a_line()
    {
        var lines = File.ReadAllLines(Manifest);
        Assert.Equal(Files.Length, lines.Count(line => line.StartsWith("    { \"name\": \"", StringComparison.Ordinal)));
    }
}
