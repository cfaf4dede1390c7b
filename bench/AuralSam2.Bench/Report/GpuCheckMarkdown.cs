using System.Globalization;
using System.Text;
using AuralSam2.Bench.Checks;

namespace AuralSam2.Bench.Report;

/// <summary>A check as people read it.</summary>
internal sealed class GpuCheckMarkdown(GpuCheck check)
{
    private static readonly (string Heads, string Rules) PeerColumns = (" PyTorch ms | ratio | its way |", "--:|--:|---|");

    private readonly StringBuilder text = new();

    /// <summary>The Markdown file.</summary>
    public override string ToString()
    {
        text.Clear();
        Line($"# {check.Machine.GetValueOrDefault("gpu") ?? check.Ops?.Device ?? "a machine without a GPU"}");
        Line();
        Line($"`tools/gpu-check.sh`, {check.Date}. All times are medians of one run.");
        Line();
        Table("| | |", "|---|---|", check.Machine.Select(m => $"| {m.Key} | {m.Value} |"));
        Steps();
        Checks();
        Fixtures();
        Roofline();
        Ops();
        Parts();
        return text.ToString().TrimEnd() + "\n";
    }

    private void Steps()
    {
        Table("| step | verdict | seconds |", "|---|---|--:|", check.Steps.Select(s => Text($"| {s.Name} | {s.Verdict} | {s.Seconds:0} |")));
        foreach (var step in check.Steps.Where(s => s.LogTail is { Count: > 0 }))
        {
            Line($"The end of what {step.Name} printed:");
            Line();
            Line("```");
            foreach (var line in step.LogTail!) Line(line);
            Line("```");
            Line();
        }
    }

    private void Checks()
    {
        if (check.CheckOps is not { } ops) return;
        Line("## Every op");
        Line();
        Line($"Against the float64 reference, against the processor, and against itself: {ops.Passed} cases passed, {ops.Failed} failed" +
            $"{(ops.NoKernel == 0 ? "" : $", {ops.NoKernel} have no kernel on this device")}. The case of each op that used the most of its budget:");
        Line();
        var worst = ops.Cases.Where(c => c.Error is not null && c.Budget > 0).GroupBy(c => c.Op).Select(g => g.MaxBy(c => c.Error / c.Budget)!);
        Table(
            "| op | case | error | budget | from the processor |", "|---|---|--:|--:|--:|",
            worst.Select(c => Text($"| {c.Op} | {c.Label} | {c.Error:0.0e+00} | {c.Budget:0.0e+00} | {c.CpuDifference:0.0e+00} |")));
        var failures = ops.Cases.Where(c => c.Verdict == CheckVerdict.Failed).ToArray();
        if (failures.Length > 0) Table("| failed | why |", "|---|---|", failures.Select(f => $"| {f.Op}: {f.Label} | {Cell(f.Message)} |"));
    }

    private void Fixtures()
    {
        if (check.Verify is not { } verify) return;
        Line("## Fixtures");
        Line();
        Table("| fixture | verdict | stages | worst stage | of its budget |", "|---|---|--:|---|--:|", verify.Files.Select(f =>
        {
            var worst = f.Worst is { } w ? Text($"{w.Name} | {w.RelativeError / w.Budget:P0}") : $"{Cell(f.Reason)} |";
            return $"| {Path.GetFileName(f.File)} | {f.Verdict} | {f.Stages.Count} | {worst} |";
        }));
    }

    private void Roofline()
    {
        if ((check.Ops?.Roofline ?? check.Parts?.Roofline) is not { } roofline) return;
        Line("## Limits");
        Line();
        Line($"Measured in the same run by kernels of our own: {roofline}.");
        Line();
    }

    private void Ops()
    {
        if (check.Ops is not { } ops) return;
        Line("## Ops");
        Line();
        Line(ops.Quick ? "Tiny cases: these times say nothing but that the benchmark works." : "Shapes of the model at 1024 x 1024.");
        Line("*Of roof*: the time at the limits above over the time taken. *Host*: what the processor needs to hand a call over; where it is no less");
        Line("than the time, the device waited for it.");
        if (check.Torch is { } torch)
        {
            var cuda = torch.Cuda is null ? "" : $", CUDA {torch.Cuda}";
            Line($"PyTorch {torch.Torch}{cuda}, float32 without TF32, with the same operands; *ratio* is its time over ours.");
        }

        Line();
        var peer = check.Torch is null ? default : PeerColumns;
        Table(
            $"| op | case | ms | host ms | GFLOP/s | GB/s | of FMA | of copy | of roof |{peer.Heads}",
            $"|---|---|--:|--:|--:|--:|--:|--:|--:|{peer.Rules}",
            ops.Cases.Select(c =>
            {
                var row = c.Ms is null
                    ? $"| {c.Op} | {c.Label} | {Cell(c.Error)} | | | | | | |"
                    : Text($"| {c.Op} | {c.Label} | {c.Ms:0.0000} | {c.HostMs:0.0000} | {c.Gflops:0} | {c.Gbs:0} ") +
                        Text($"| {c.OfFma:P0} | {c.OfCopy:P0} | {c.OfRoof:P0} |");
                return check.Torch is { } other ? row + TorchRow.Cells(other.Of(c.Op, c.Label), c.Ms) : row;
            }));
    }

    private void Parts()
    {
        if (check.Parts is not { } parts) return;
        Line("## Parts of the model");
        Line();
        var peer = check.TorchTrunks is null ? default : PeerColumns;
        Table(
            $"| part | ms | best ms | GFLOP | GFLOP/s | of FMA |{peer.Heads}", $"|---|--:|--:|--:|--:|--:|{peer.Rules}",
            parts.Parts.Select(p =>
            {
                var row = p.Ms is null
                    ? $"| {p.Name} | {Cell(p.Error)} | | | | |"
                    : Text($"| {p.Name} | {p.Ms:0.00} | {p.BestMs:0.00} | {p.Gflop:0.0} | {p.Gflops:0} | {p.OfFma:P0} |");
                return check.TorchTrunks is { } other ? row + TorchRow.Cells(other.Of("trunk", p.Name), p.Ms) : row;
            }));
    }

    private void Table(string head, string rule, IEnumerable<string> rows)
    {
        Line(head);
        Line(rule);
        foreach (var row in rows) Line(row);
        Line();
    }

    private void Line(string line = "") => text.Append(line).Append('\n');

    private static string Text(FormattableString value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Cell(string? value) => value?.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ") ?? "";
}
