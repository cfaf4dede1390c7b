using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace AuralSam2.Cli;

/// <summary><c>aural inspect</c>: what a file of weights is, and every tensor in it.</summary>
internal sealed class InspectCommand : Command
{
    private const int LabelWidth = 12;

    public InspectCommand(IEngine engine, CommandStreams streams)
        : base("inspect", "Tells what a file of weights is, and lists its tensors. Reads no values, runs nothing of the file.")
    {
        var file = new Argument<string>("FILE") { Description = "A safetensors file or a PyTorch checkpoint; one that is cut short is listed too." };
        var json = SharedOptions.Json();
        Arguments.Add(file);
        Options.Add(json);
        SetAction(parsed =>
        {
            using var weights = engine.OpenWeightFile(parsed.GetValue(file)!);
            var document = InspectDocument.Of(weights);
            if (parsed.GetValue(json)) streams.Out.WriteLine(JsonSerializer.Serialize(document, ResultJson.Of.InspectDocument));
            else Print(document, streams.Out);
            return ExitCode.Done;
        });
    }

    private static void Print(InspectDocument document, TextWriter output)
    {
        output.WriteLine($"{document.File}: {document.Is}");
        if (document.CutShort is { } lack) Line("CUT SHORT", $"{lack}; its tensors can be listed, not loaded");
        Line("format", document.Location.Length == 0 ? document.Format : $"{document.Format}, weights under '{Plain(document.Location)}'");
        Line("size", Sizes.Bytes(document.Bytes));
        Line("tensors", $"{document.Tensors.Count:N0} ({string.Join(", ", document.Tensors.CountBy(t => t.Dtype).Select(d => $"{d.Value:N0} {d.Key}"))})");
        Line("parameters", $"{document.Parameters:N0}, {Sizes.Bytes(document.TensorBytes)} of data");
        if (document.Misfit is { } misfit) Line("problem", misfit);
        if (document.Ignored.Count > 0) Line("ignored", $"{string.Join(", ", document.Ignored.Select(Plain))}: no weights");
        if (document.Tensors.Count(t => !t.Used) is var unused and > 0)
            Line("not needed", $"{unused:N0} tensors, marked -: layers under a second name, an optimizer's state, or another program's part");
        foreach (var (key, value) in document.Metadata) Line("metadata", $"{Plain(key)} = {Plain(value)}");
        if (document.Tensors.Count == 0) return;

        output.WriteLine();
        string[] titles = ["name", "dtype", "shape", "bytes"];
        List<string[]> rows = [titles, .. document.Tensors.Select(t => (string[])[
            $"{(t.Used ? "" : "- ")}{Plain(t.Name)}", t.Dtype, $"[{string.Join(", ", t.Shape)}]", $"{t.Bytes:N0}"])];
        int[] widths = [.. titles.Select((_, column) => rows.Max(row => row[column].Length))];
        foreach (var row in rows)
        {
            output.WriteLine(
                $"{row[0].PadRight(widths[0])}  {row[1].PadRight(widths[1])}  {row[2].PadRight(widths[2])}  {row[3].PadLeft(widths[3])}");
        }

        void Line(string label, string text) => output.WriteLine($"{label.PadRight(LabelWidth)}{text}");
    }

    /// <summary>A name out of a file: a hostile one can neither break the line nor talk to the terminal, nor flood the screen.</summary>
    private static string Plain(string name)
    {
        const int longest = 200;
        var text = new StringBuilder();
        foreach (var c in name.Length > longest ? name.AsSpan(0, longest) : name)
            text.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? $"\\u{(int)c:x4}" : $"{c}");
        return name.Length > longest ? $"{text}..." : text.ToString();
    }
}
