using System.CommandLine;

namespace AuralSam2.Bench.Report;

/// <summary><c>report</c>: what the steps of <c>tools/gpu-check.sh</c> left behind becomes one JSON and one Markdown file.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var from = new Argument<DirectoryInfo>("STEPS") { Description = "folder of the steps' files" }.AcceptExistingOnly();
        var to = new Argument<DirectoryInfo>("OUT") { Description = "folder that receives gpu-check.json and gpu-check.md" };
        var command = new Command("report", "puts the steps of tools/gpu-check.sh together") { from, to };
        command.Hidden = true; // the script's own
        command.SetAction(parsed =>
        {
            var check = GpuCheck.Gather(parsed.GetValue(from)!.FullName);
            var folder = parsed.GetValue(to)!.FullName;
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "gpu-check.json"), check.ToJson());
            File.WriteAllText(Path.Combine(folder, "gpu-check.md"), new GpuCheckMarkdown(check).ToString());
        });
        return command;
    }
}
