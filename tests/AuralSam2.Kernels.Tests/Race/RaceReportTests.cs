using System.Text.Json;
using AuralSam2.Bench;
using AuralSam2.Bench.Race;
using Xunit;

namespace AuralSam2.Kernels.Tests.Race;

/// <summary>The arithmetic of a race, and the form of its results.</summary>
public sealed class RaceReportTests
{
    private static readonly RaceRecord Op = new("Gemm", "4x4 -> 4")
    {
        OursMs = 2,
        TorchsharpMs = 6,
        TorchsharpFastMs = 3,
        Gflop = 1,
        Gb = 0.5,
        FmaPeakGflops = 1000,
        CopyGbS = 50,
        MaxAbsDiff = double.NaN,
        Threads = 2,
    };

    private static readonly RaceRecord Part = new("trunk t", "1024x1024") { OursMs = 10, TorchsharpMs = 5, Gflop = 1, FmaPeakGflops = 1000 };

    [Fact]
    public void TheRatioIsToTheBetterConfiguration()
    {
        Assert.Equal(1.5, Op.Ratio);
        Assert.Equal(0.5, Part.Ratio); // only one took part
        Assert.Null((Op with { TorchsharpMs = null, TorchsharpFastMs = null }).Ratio);
        Assert.Equal(50, Op.PercentOfPeak!.Value, 1e-9);
        Assert.Equal(250, Op.GbS);
        Assert.Equal([Part], Report().Behind);
        Assert.Equal(Math.Sqrt(1.5 * 0.5), RaceReport.MeanRatio([Op, Part])!.Value, 1e-12);
    }

    [Fact]
    public void MediansAndBests()
    {
        var samples = new Samples();
        Assert.Null(samples.Median);
        foreach (var ms in (double[])[5, 1, 9, 3]) samples.Add(ms);
        Assert.Equal((4, 1), (samples.Median, samples.Best));
        samples.Add(100);
        Assert.Equal(5, samples.Median);
    }

    [Fact]
    public void WrongResultsShow()
    {
        Assert.Equal(0, Samples.LargestDifference([1, float.NaN, float.PositiveInfinity], [1, float.NaN, float.PositiveInfinity]));
        Assert.Equal(2, Samples.LargestDifference([1, 2, 3], [1, 4, 3.5f]));
        Assert.Equal(double.NaN, Samples.LargestDifference([1, float.NaN, 3], [1, 2, 100]));
        Assert.Equal(double.PositiveInfinity, Samples.LargestDifference([float.PositiveInfinity], [1]));
        Assert.Throws<InvalidOperationException>(() => Samples.LargestDifference([1], [1, 2]));
    }

    [Fact]
    public void RecordsAreOneArrayOfObjectsThatStandAlone()
    {
        var path = Path.GetTempFileName();
        try
        {
            Report().WriteRecords(path);
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            string[] names =
            [
                "name", "shape", "ours_ms", "torchsharp_ms", "torchsharp_fast_ms", "torchsharp_bf16_ms", "ratio", "ours_best_ms", "gflops", "gb_s",
                "percent_of_peak", "max_abs_diff", "threads",
            ];
            Assert.Equal(2, document.RootElement.GetArrayLength());
            foreach (var record in document.RootElement.EnumerateArray())
                foreach (var name in names) Assert.True(record.TryGetProperty(name, out _), name);
            Assert.Equal("NaN", document.RootElement[0].GetProperty("max_abs_diff").GetString());
            Assert.Equal(JsonValueKind.Null, document.RootElement[1].GetProperty("torchsharp_fast_ms").ValueKind);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void ReportsReadBackWhatWasWritten()
    {
        var path = Path.GetTempFileName();
        try
        {
            Report().Write(path);
            Assert.Equal(RaceMarkdown.Page(Report()), RaceMarkdown.Page(RaceReport.Read(path)));
            Assert.Equal(Report().Records, RaceReport.Read(path).Records);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void AReadmeWithoutAPlaceForNumbersIsRefused() => Assert.Throws<FormatException>(() => RaceMarkdown.Readme("# Title\n", [Report()]));

    private static RaceReport Report() =>
        new("2026-01-31", new Machine("AMD EPYC", "AVX-512", 2, "Linux"), new RaceVersions("0.1.0", "10.0.0", "0.107.0", "2.10.0"), [Op, Part]);
}
