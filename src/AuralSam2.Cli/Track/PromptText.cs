using System.Globalization;
using System.Text.Json;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>A prompt as a person writes it: one point, box or mask. Those of one object and frame belong together.</summary>
/// <param name="Frame">Frame number, from 0.</param>
/// <param name="ObjectId">Which object, 1 to 255; null where a mask may tell.</param>
/// <param name="Point">A click.</param>
/// <param name="Box">A box.</param>
/// <param name="MaskFile">A picture of the object.</param>
/// <param name="Source">What was written, for errors.</param>
internal sealed record PromptText(int Frame, int? ObjectId, VideoPoint? Point, VideoBox? Box, string? MaskFile, string Source)
{
    private const int MostObjects = 255; // indices of a PNG palette

    private static readonly JsonDocumentOptions Lenient = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    /// <summary><c>frame,x,y,label[,object]</c></summary>
    /// <exception cref="UsageException">Malformed.</exception>
    public static PromptText PointOf(string text)
    {
        const string form = "frame,x,y,label[,object] with label 1 on the object and 0 outside";
        var parts = Parts("--point", text, 4, form);
        var label = Whole("--point", text, parts[3], form);
        if (label is not (0 or 1)) throw new UsageException($"--point {text}: label {label}; it wants {form}");
        return new PromptText(
            Whole("--point", text, parts[0], form), ObjectOf("--point", text, parts, 4, form),
            new VideoPoint(Number("--point", text, parts[1], form), Number("--point", text, parts[2], form), label == 1), null, null, $"--point {text}");
    }

    /// <summary><c>frame,x0,y0,x1,y1[,object]</c></summary>
    /// <exception cref="UsageException">Malformed.</exception>
    public static PromptText BoxOf(string text)
    {
        const string form = "frame,x0,y0,x1,y1[,object]";
        var parts = Parts("--box", text, 5, form);
        var edges = parts.Skip(1).Take(4).Select(p => Number("--box", text, p, form)).ToArray();
        return new PromptText(
            Whole("--box", text, parts[0], form), ObjectOf("--box", text, parts, 5, form), null,
            new VideoBox(edges[0], edges[1], edges[2], edges[3]), null, $"--box {text}");
    }

    /// <summary><c>frame,FILE[,object]</c>; the file's name may have commas.</summary>
    /// <exception cref="UsageException">Malformed.</exception>
    public static PromptText MaskOf(string text)
    {
        const string form = "frame,FILE[,object]";
        var first = text.IndexOf(',', StringComparison.Ordinal);
        if (first < 0 || first == text.Length - 1) throw new UsageException($"--mask {text}: it wants {form}");
        var (frame, file) = (Whole("--mask", text, text[..first], form), text[(first + 1)..]);
        var last = file.LastIndexOf(',');
        if (last <= 0 || !int.TryParse(file.AsSpan(last + 1), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number))
            return new PromptText(frame, null, null, null, file, $"--mask {text}");
        return new PromptText(frame, Checked($"--mask {text}", number), null, null, file[..last], $"--mask {text}");
    }

    /// <summary>
    /// A file of prompts: <c>{"prompts": [{"frame": 0, "object": 1, "points": [[x, y, label]], "box": [x0, y0, x1, y1], "mask":
    /// "FILE"}]}</c>; masks relative to the file.
    /// </summary>
    /// <exception cref="UsageException">It is no such file.</exception>
    public static IReadOnlyList<PromptText> FileOf(string file)
    {
        if (!File.Exists(file)) throw new FileNotFoundException($"{file}: no such file; check --prompts");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file), Lenient);
            return [.. document.RootElement.GetProperty("prompts").EnumerateArray().SelectMany((p, i) => Entries(p, file, $"{file}, prompt {i}"))];
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UsageException(
                $"{file}: no file of prompts ({Failures.OneLine(error.Message)}); it wants "
                + """{"prompts": [{"frame": 0, "object": 1, "points": [[x, y, label]], "box": [x0, y0, x1, y1], "mask": "FILE"}]}""");
        }
    }

    /// <summary>Brings together what belongs together, and reads masks.</summary>
    /// <param name="texts">In the order in which they were written.</param>
    /// <param name="width">Pixels of one row of a frame.</param>
    /// <param name="height">Rows of a frame.</param>
    /// <param name="frames">Frames of the clip.</param>
    /// <exception cref="UsageException">A prompt makes no sense for the clip.</exception>
    public static IReadOnlyList<VideoPrompt> Resolve(IReadOnlyList<PromptText> texts, int frames, int width, int height)
    {
        var prompts = new List<VideoPrompt>();
        foreach (var text in texts)
        {
            foreach (var prompt in text.MaskFile is null ? [text.WithoutMask()] : text.Masks(width, height))
            {
                Refuse(text, () => prompt.EnsureFits(frames, width, height));
                var place = prompts.FindIndex(p => p.Frame == prompt.Frame && p.ObjectId == prompt.ObjectId);
                if (place < 0)
                {
                    prompts.Add(prompt);
                    continue;
                }

                var before = prompts[place];
                if (before.Mask is not null || prompt.Mask is not null || (before.Box is not null && prompt.Box is not null))
                {
                    var again = $"{text.Source}: object {prompt.ObjectId} was shown on frame {prompt.Frame} before";
                    throw new UsageException($"{again}; points go with one box, a mask stands alone");
                }

                prompts[place] = before with { Points = [.. before.Points, .. prompt.Points], Box = before.Box ?? prompt.Box };
            }
        }

        foreach (var group in prompts.GroupBy(p => p.ObjectId))
            if (group.All(p => p.Mask is null && p.Box is null && p.Points.All(point => !point.IsOnObject)))
                throw new UsageException(
                    $"object {group.Key} is unknown: points of label 0 alone show where it is not; add one of label 1, a box or a mask");
        return [.. prompts.OrderBy(p => p.Frame)];
    }

    private VideoPrompt WithoutMask() => new(Frame, ObjectId ?? 1) { Points = Point is { } point ? [point] : [], Box = Box };

    private IEnumerable<VideoPrompt> Masks(int width, int height)
    {
        var picture = MaskPicture.Read(MaskFile!);
        if ((picture.Width, picture.Height) != (width, height))
            throw new UsageException($"{Source}: {MaskFile} has {picture.Width} x {picture.Height} pixels, the frames {width} x {height}");
        var masks = picture.Objects(ObjectId).ToArray();
        if (masks.Length == 0) throw new UsageException($"{Source}: {MaskFile} is empty; nothing in it is marked");
        return masks.Select(m => new VideoPrompt(Frame, Checked(Source, m.Object)) { Mask = m.Mask });
    }

    private static void Refuse(PromptText text, Action check)
    {
        try
        {
            check();
        }
        catch (ArgumentException error)
        {
            throw new UsageException($"{text.Source}: {error.Message}");
        }
    }

    private static IEnumerable<PromptText> Entries(JsonElement prompt, string file, string source)
    {
        var frame = prompt.GetProperty("frame").GetInt32();
        int? number = prompt.TryGetProperty("object", out var told) ? Checked(source, told.GetInt32()) : null;
        if (prompt.TryGetProperty("points", out var points))
            foreach (var point in points.EnumerateArray())
            {
                float[] values = [.. point.EnumerateArray().Select(v => v.GetSingle())];
                if (values.Length != 3 || values[2] is not (0 or 1)) throw new FormatException($"{source}: a point is [x, y, label] with label 1 or 0");
                yield return new PromptText(frame, number, new VideoPoint(values[0], values[1], values[2] == 1), null, null, source);
            }

        if (prompt.TryGetProperty("box", out var box))
        {
            float[] values = [.. box.EnumerateArray().Select(v => v.GetSingle())];
            if (values.Length != 4) throw new FormatException($"{source}: a box is [x0, y0, x1, y1]");
            yield return new PromptText(frame, number, null, new VideoBox(values[0], values[1], values[2], values[3]), null, source);
        }

        if (prompt.TryGetProperty("mask", out var mask))
        {
            var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, mask.GetString() ?? "");
            yield return new PromptText(frame, number, null, null, path, source);
        }
    }

    private static string[] Parts(string option, string text, int count, string form)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length == count || parts.Length == count + 1) return parts;
        throw new UsageException($"{option} {text}: {parts.Length} values; it wants {form}");
    }

    private static int? ObjectOf(string option, string text, string[] parts, int place, string form) =>
        parts.Length > place ? Checked($"{option} {text}", Whole(option, text, parts[place], form)) : null;

    private static int Checked(string source, int number) => number is >= 1 and <= MostObjects
        ? number
        : throw new UsageException($"{source}: object {number}; objects are numbered 1 to {MostObjects}");

    private static int Whole(string option, string text, string part, string form) =>
        int.TryParse(part, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new UsageException($"{option} {text}: '{part}' is no whole number; it wants {form}");

    private static float Number(string option, string text, string part, string form) =>
        float.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new UsageException($"{option} {text}: '{part}' is no number; it wants {form}");
}
