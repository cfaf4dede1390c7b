using System.Diagnostics;
using System.Net;
using AuralSam2.Testing;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary>tools/fetch-weights.sh, and .ps1 where there is a PowerShell, against a server of this process.</summary>
public sealed class FetchWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly HttpListener server = new();
    private readonly string address;
    private readonly List<string?> ranges = [];
    private byte[] content = [];
    private bool knowsRanges = true;
    private int? hangsUpAfter;

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
                { "name": "tokens.json", "what": "tokenizer", "url": "{{address}}tokens.json", "licence": "none" },
                { "name": "other.pt", "what": "AuralFuser", "url": null, "how": "ask its authors", "licence": "none" }
            ] }
            """);
    }

    public void Dispose()
    {
        server.Close();
        folder.Dispose();
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("pwsh")]
    public void A_file_is_fetched_checked_and_its_digest_recorded(string shell)
    {
        var run = Fetch(shell, "some.pt");
        Assert.True(run.Code == 0, run.Error);
        Assert.Contains("/some.pt: SAM2 of unknown size", run.Out, StringComparison.Ordinal);
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content));
        Assert.Equal($"{digest}  some.pt\n", File.ReadAllText(folder["some.pt.sha256"]));
        Assert.Equal(content, File.ReadAllBytes(folder["some.pt"]));
        Assert.Equal(["manifest.json", "some.pt", "some.pt.sha256"], folder.Names);
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("pwsh")]
    public void What_was_interrupted_goes_on_where_it_stopped(string shell)
    {
        hangsUpAfter = 500;
        var broken = Fetch(shell, "some.pt");
        Assert.Equal(1, broken.Code);
        Assert.Contains("some.pt: download failed", broken.Error, StringComparison.Ordinal);
        Assert.Contains("run this again to go on", broken.Error, StringComparison.Ordinal);
        Assert.Equal(content[..500], File.ReadAllBytes(folder["some.pt.part"]));

        (hangsUpAfter, var before) = (null, ranges.Count);
        Assert.Equal(0, Fetch(shell, "some.pt").Code);
        Assert.Equal("bytes=500-", Assert.Single(ranges[before..]));
        Assert.Equal(content, File.ReadAllBytes(folder["some.pt"]));
    }

    [Theory]
    [InlineData("sh", 500)]
    [InlineData("sh", int.MaxValue)]
    [InlineData("pwsh", 500)]
    public void A_server_without_ranges_sends_the_whole_file_again(string shell, int held)
    {
        knowsRanges = false;
        File.WriteAllBytes(folder["some.pt.part"], content[..Math.Min(held, content.Length)]);
        var run = Fetch(shell, "some.pt");
        Assert.True(run.Code == 0, run.Error);
        Assert.Equal(content, File.ReadAllBytes(folder["some.pt"]));
        Assert.Equal(["manifest.json", "some.pt", "some.pt.sha256"], folder.Names);
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("pwsh")]
    public void What_is_complete_but_was_never_checked_is_accepted(string shell)
    {
        File.WriteAllBytes(folder["some.pt.part"], content);
        var run = Fetch(shell, "some.pt");
        Assert.True(run.Code == 0, run.Error);
        Assert.Equal(content, File.ReadAllBytes(folder["some.pt"]));
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("pwsh")]
    public void A_file_that_is_cut_short_never_takes_the_name(string shell)
    {
        var whole = content;
        content = whole[..^100];
        var run = Fetch(shell, "some.pt");
        Assert.Equal(1, run.Code);
        Assert.Contains("some.pt: what came is cut short; run this again", run.Error, StringComparison.Ordinal);
        Assert.Equal(["manifest.json", "some.pt.part"], folder.Names);
        content = whole; // the publisher has mended it
        Assert.Equal(0, Fetch(shell, "some.pt").Code);
        Assert.Equal(whole, File.ReadAllBytes(folder["some.pt"]));
    }

    [Theory]
    [InlineData("sh", "some.pt")]
    [InlineData("sh", "tokens.json")]
    [InlineData("pwsh", "some.pt")]
    [InlineData("pwsh", "tokens.json")]
    public void A_web_page_never_takes_the_name(string shell, string name)
    {
        content = "<html>moved</html>"u8.ToArray();
        var run = Fetch(shell, name);
        Assert.Equal(1, run.Code);
        Assert.Contains("is no checkpoint", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder[name]));
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("pwsh")]
    public void Files_of_a_tokenizer_are_text(string shell)
    {
        content = """{"the":262}"""u8.ToArray();
        var run = Fetch(shell, "tokens.json");
        Assert.True(run.Code == 0, run.Error);
        Assert.Equal(["manifest.json", "tokens.json", "tokens.json.sha256"], folder.Names);
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("pwsh")]
    public void A_file_that_changed_is_noticed(string shell)
    {
        Assert.Equal(0, Fetch(shell, "some.pt").Code);
        File.WriteAllText(folder["some.pt.sha256"], "0000  some.pt\n");
        var run = Fetch(shell, "some.pt");
        Assert.Equal(1, run.Code);
        Assert.Contains("is not the file that was fetched before", run.Error, StringComparison.Ordinal);
        Assert.Equal("0000  some.pt\n", File.ReadAllText(folder["some.pt.sha256"]));
    }

    [Theory]
    [InlineData("sh", "--list")]
    [InlineData("pwsh", "-List")]
    public void Other_names_are_one_line(string shell, string list)
    {
        Assert.Contains("other.pt has no address here: ask its authors", Fetch(shell, "other.pt").Error, StringComparison.Ordinal);
        Assert.Contains("none.pt is not in", Fetch(shell, "none.pt").Error, StringComparison.Ordinal);
        Assert.Contains("--list", Fetch(shell).Error, StringComparison.Ordinal);
        Assert.Matches(@"some\.pt +fetched +SAM2\n(.*\n)other\.pt +by hand +AuralFuser\n", Fetch(shell, list).Out);
    }

    private async Task Serve()
    {
        while (server.IsListening)
        {
            var context = await server.GetContextAsync();
            var range = context.Request.Headers["Range"];
            lock (ranges) ranges.Add(range);
            var from = range is null || !knowsRanges ? 0 : int.Parse(range["bytes=".Length..^1]);
            var (body, response) = (content[Math.Min(from, content.Length)..], context.Response);
            if (range is not null && knowsRanges)
            {
                var isWithin = from < content.Length;
                response.StatusCode = isWithin ? 206 : 416;
                response.Headers["Content-Range"] = $"bytes {(isWithin ? $"{from}-{content.Length - 1}" : "*")}/{content.Length}";
            }

            if (hangsUpAfter is { } sent)
            {
                response.ContentLength64 = body.Length;
                response.OutputStream.Write(body, 0, sent);
                response.OutputStream.Flush();
                response.Abort();
                continue;
            }

            response.Close(body, willBlock: true);
        }
    }

    private CommandRun Fetch(string shell, params string[] args)
    {
        if (!IsOnPath(shell)) Assert.Skip($"no {shell} here");
        var script = Path.Combine(Repository.Root, "tools", shell == "sh" ? "fetch-weights.sh" : "fetch-weights.ps1");
        string[] options = shell == "sh" ? [] : ["-NoProfile", "-File"];
        var start = new ProcessStartInfo(shell, [.. options, script, .. args])
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

    private static bool IsOnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(directory => File.Exists(Path.Combine(directory, program)) || File.Exists(Path.Combine(directory, program + ".exe")));
}
