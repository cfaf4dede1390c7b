using System.Text.Json;

namespace AuralSam2.Cli.Tests;

/// <summary>The command as a person meets it: a process with streams and an exit code.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Version_is_one_line()
    {
        var run = CommandRun.OfProcess(folder.Path, "--version");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Matches(@"^\d+\.\d+\.\d+\s*$", run.Out);
    }

    [Theory]
    [InlineData("segment --demo", "--help")]
    [InlineData("aural segment --frames", "segment", "--help")]
    [InlineData("aural verify fixtures", "verify", "-h")]
    [InlineData("aural devices --json", "devices", "--help")]
    [InlineData("aural inspect vggish-10086976.pth", "inspect", "--help")]
    [InlineData("aural convert sam2", "convert", "--help")]
    public void Help_shows_examples_and_exit_codes(string example, params string[] args)
    {
        var run = CommandRun.OfProcess(folder.Path, args);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains(example, run.Out, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_verb_it_shows_help_and_calls_that_wrong_usage()
    {
        var run = CommandRun.OfProcess(folder.Path);
        Assert.Equal(2, run.Code);
        Assert.Contains("segment", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--nonsense", "segment", "--demo", "--nonsense")]
    [InlineData("aural: Unrecognized command or argument 'paint'", "paint")]
    [InlineData("--demo", "segment")]
    [InlineData("FILE", "verify")]
    [InlineData("--threads", "devices", "--threads", "-1")]
    public void Wrong_usage_is_one_line_and_exit_code_2(string word, params string[] args) =>
        CommandRun.OfProcess(folder.Path, args).FailsWith(2, word);

    [Fact]
    public void A_missing_file_is_one_line_and_leaves_nothing_behind()
    {
        CommandRun.OfProcess(folder.Path, "segment", "--video", "no-such.mp4", "--weights", "rule").FailsWith(1, "no-such.mp4", "--video");
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void A_missing_fixture_is_unreadable()
    {
        var run = CommandRun.OfProcess(folder.Path, "verify", "no-such.safetensors", "--json");
        Assert.Equal(1, run.Code);
        using var json = JsonDocument.Parse(run.Out);
        Assert.Equal("unreadable", json.RootElement.GetProperty("files")[0].GetProperty("verdict").GetString());
    }

    [Fact]
    public void A_read_only_folder_is_refused_before_any_work()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Assert.Skip("the permissions of a folder do not bind this user");
            return;
        }

        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            CommandRun.OfProcess(folder.Path, "segment", "--demo", "--model", "mini").FailsWith(1, "permission denied", "--out");
        }
        finally
        {
            File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void A_folder_that_cannot_be_created_is_refused_before_any_work()
    {
        File.WriteAllText(folder["file"], "");
        CommandRun.OfProcess(folder.Path, "segment", "--demo", "--model", "mini", "--out", "file/result").FailsWith(1, "file/result", "--out");
    }

    [Fact]
    public void A_file_system_that_takes_no_files_is_refused_before_any_work()
    {
        if (!Directory.Exists("/proc/self")) Assert.Skip("no /proc here");
        CommandRun.OfProcess(folder.Path, "segment", "--demo", "--model", "mini", "--out", "/proc/result").FailsWith(1, "cannot write to /proc/result", "--out");
    }
}
