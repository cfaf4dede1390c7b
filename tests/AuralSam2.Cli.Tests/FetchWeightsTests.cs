using System.Diagnostics;
using System.Net;
using AuralSam2.Testing;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary>tools/fetch-weights.sh against a server of this process.</summary>
public sealed class FetchWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly HttpListener server = new();
    private readonly string address;
    private readonly List<string?> ranges = [];
    private byte[] content = [];

    public FetchWeightsTests()
    {
        address = $"http://127.0.0.1:{Random.Shared.Next(20_000, 60_000)}/";
        server.Prefixes.Add(address);
        server.Start();
        _ = Task.Run(Serve);
        SafetensorsWriter.Write(folder["source"], null, [SafetensorsTensor.Of("no_mem_embed", [1, 1, 256], new float[256])]);
        content = File.ReadAllBytes(folder["source"]);
        File.Delete(folder["source"]);
        File.WriteAllText(folder["manifest.json"], $$"""
            { "files": [
                { "name": "some.pt", "what": "SAM2", "url": "{{address}}some.pt", "licence": "none" },
                { "name": "other.pt", "what": "AuralFuser", "url": null, "how": "ask its authors", "licence": "none" }
            ] }
            """);
    }

    public void Dispose()
    {
        server.Close();
        folder.Dispose();
    }

    [Fact]
    public void A_file_is_fetched_checked_and_its_digest_recorded()
    {
        var run = Fetch("some.pt");
        Assert.True(run.Code == 0, run.Error);
        Assert.Contains("/some.pt: SAM2 of unknown size", run.Out, StringComparison.Ordinal);
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content));
        Assert.Equal($"{digest}  some.pt\n", File.ReadAllText(folder["some.pt.sha256"]));
        Assert.Equal(content, File.ReadAllBytes(folder["some.pt"]));
        Assert.Equal(["manifest.json", "some.pt", "some.pt.sha256"], folder.Names);
    }

    [Fact]
    public void What_was_interrupted_goes_on_where_it_stopped()
    {
        File.WriteAllBytes(folder["some.pt.part"], content[..500]);
        Assert.Equal(0, Fetch("some.pt").Code);
        Assert.Equal("bytes=500-", Assert.Single(ranges));
        Assert.Equal(content, File.ReadAllBytes(folder["some.pt"]));
    }

    [Fact]
    public void What_is_no_checkpoint_never_takes_the_name()
    {
        content = "<html>moved</html>"u8.ToArray();
        var run = Fetch("some.pt");
        Assert.Equal(1, run.Code);
        Assert.Contains("is no checkpoint", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["some.pt"]));
    }

    [Fact]
    public void A_file_that_changed_is_noticed()
    {
        Assert.Equal(0, Fetch("some.pt").Code);
        File.WriteAllText(folder["some.pt.sha256"], "0000  some.pt\n");
        var run = Fetch("some.pt");
        Assert.Equal(1, run.Code);
        Assert.Contains("is not the file that was fetched before", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_names_are_one_line()
    {
        Assert.Contains("other.pt has no address here: ask its authors", Fetch("other.pt").Error, StringComparison.Ordinal);
        Assert.Contains("none.pt is not in", Fetch("none.pt").Error, StringComparison.Ordinal);
        Assert.Contains("--list", Fetch().Error, StringComparison.Ordinal);
        Assert.Matches(@"some\.pt +fetched +SAM2\nother\.pt +by hand +AuralFuser\n", Fetch("--list").Out);
    }

    private async Task Serve()
    {
        while (server.IsListening)
        {
            var context = await server.GetContextAsync();
            var range = context.Request.Headers["Range"];
            lock (ranges) ranges.Add(range);
            var from = range is null ? 0 : int.Parse(range["bytes=".Length..^1]);
            if (range is not null)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers["Content-Range"] = $"bytes {from}-{content.Length - 1}/{content.Length}";
            }

            context.Response.Close(content[from..], willBlock: true);
        }
    }

    private CommandRun Fetch(params string[] args)
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("no sh here");
        var start = new ProcessStartInfo("sh", [Path.Combine(Repository.Root, "tools", "fetch-weights.sh"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["WEIGHTS"] = folder.Path;
        start.Environment["MANIFEST"] = folder["manifest.json"];
        start.Environment["AURAL"] = $"dotnet {Path.Combine(AppContext.BaseDirectory, "aural.dll")}";
        start.Environment["no_proxy"] = "127.0.0.1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandRun(process.ExitCode, output, error.Result);
    }
}
