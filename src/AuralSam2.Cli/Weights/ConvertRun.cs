using System.Diagnostics;
using System.Text.Json;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary>One run of <c>aural convert</c>.</summary>
internal sealed class ConvertRun(IEngine engine, CommandStreams streams, CancellationToken cancellation)
{
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Runs it.</summary>
    /// <returns>Exit code.</returns>
    public int Run(ConvertRequest request)
    {
        RequirePlace(request);
        using var weights = engine.OpenWeightSet(request.Files);
        ModelWeights.File[] files = [.. weights.Contributions.Select(ModelWeights.File.Of)];
        foreach (var file in files) streams.Error.WriteLine($"weights: {file}");
        SafetensorsTensor[] tensors = [.. weights.ToSafetensors(request.DType)];
        RequireRoom(request.Out, tensors.Sum(tensor => tensor.ByteLength));
        var metadata = new Dictionary<string, string>
        {
            ["content"] = weights.Kind.Title,
            ["source"] = string.Join(" + ", request.Files.Select(Path.GetFileName)),
            ["writer"] = $"aural {AuralCommand.Version}",
        };

        using (PartialFile.Watch(request.Out))
        {
            ProgressDisplay.Run(streams, display =>
            {
                var progress = new WriteProgress(display, Path.GetFileName(request.Out));
                progress.Report(0);
                engine.WriteWeights(request.Out, metadata, tensors, progress, cancellation);
                return true;
            });
        }

        var document = new ConvertDocument(
            "aural", AuralCommand.Version, request.Out, weights.Kind.Title, weights.Missing, request.DType?.Tag(), tensors.Length,
            files.Sum(file => file.Parameters), new FileInfo(request.Out).Length, Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 2), files);
        if (request.Json) streams.Out.WriteLine(JsonSerializer.Serialize(document, ResultJson.Of.ConvertDocument));
        else Print(document);
        return ExitCode.Done;
    }

    private void Print(ConvertDocument document)
    {
        streams.Out.WriteLine($"wrote {document.Out}: {document.Is}");
        streams.Out.WriteLine(
            $"{document.Tensors} tensors, {Sizes.Count(document.Parameters)} parameters, {Sizes.Bytes(document.Bytes)}, {document.Seconds:0.0} s");
        if (document.Missing.Count > 0)
            streams.Out.WriteLine($"A whole model takes {string.Join(" and ", document.Missing)} as well: give them all to segment --weights.");
    }

    /// <summary>Checks that the file may be written, before any work is done for it.</summary>
    private static void RequirePlace(ConvertRequest request)
    {
        var full = Path.GetFullPath(request.Out);
        var real = RealPath(request.Out);
        if (request.Files.FirstOrDefault(file => RealPath(file) == real) is { } input)
            throw new UsageException($"{input} is what to read and what to write; write another file");
        if (Directory.Exists(full)) throw new IOException($"{request.Out}: is a folder; name a file to write");
        if (!Directory.Exists(Path.GetDirectoryName(full))) throw new DirectoryNotFoundException($"{request.Out}: its folder is not there; create it first");
        if (File.Exists(full) && !request.Force) throw new IOException($"{request.Out} exists; --force replaces it");
    }

    /// <summary>A path without symbolic links: an input must not be replaced under another name either.</summary>
    private static string RealPath(string path)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } folder) return full;
        var here = Path.Combine(RealPath(folder), Path.GetFileName(full));
        var link = new FileInfo(here);
        return link.LinkTarget is null ? here : RealPath(link.ResolveLinkTarget(returnFinalTarget: true)!.FullName);
    }

    private static void RequireRoom(string path, long bytes)
    {
        var free = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(path))!).AvailableFreeSpace;
        if (free < bytes)
            throw new IOException($"the disk of {path} has {Sizes.Bytes(free)} left and the file takes {Sizes.Bytes(bytes)}; free some, or write elsewhere");
    }

    private sealed class WriteProgress(IProgress<SegmentProgress> display, string name) : IProgress<double>
    {
        public void Report(double value) => display.Report(new SegmentProgress($"writing {name}", (int)(100 * value), 100));
    }
}
