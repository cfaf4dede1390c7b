using AuralSam2.Bench.Race;
using Xunit;

namespace AuralSam2.Kernels.Tests.Race;

/// <summary>What people read about speed is what was recorded, digit for digit.</summary>
public sealed class RecordedRaceTests
{
    private static readonly string Root = RepositoryRoot();

    private static readonly string[] Recorded = [.. RaceMarkdown.Recorded(Path.Combine(Root, "bench", "results"))];

    [Fact]
    public void ReadmeHasTheRecordedNumbers()
    {
        var readme = File.ReadAllText(Path.Combine(Root, "README.md")).ReplaceLineEndings("\n");
        Assert.Equal(RaceMarkdown.Readme(readme, Recorded.Select(RaceReport.Read)), readme); // else: `bench readme`
    }

    [Fact]
    public void PagesHaveTheRecordedNumbers()
    {
        Assert.NotEmpty(Recorded);
        foreach (var path in Recorded)
            Assert.Equal(RaceMarkdown.Page(RaceReport.Read(path)), File.ReadAllText(Path.ChangeExtension(path, ".md")).ReplaceLineEndings("\n"));
    }

    [Fact]
    public void ResultsLieInTheFolderOfTheirMachine()
    {
        foreach (var path in Recorded) Assert.Equal(Path.GetFileName(Path.GetDirectoryName(path)), RaceReport.Read(path).Machine.Slug);
    }

    private static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "AuralSam2.Kernels.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
