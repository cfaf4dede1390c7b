using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuralSam2.Cli;

/// <summary>
/// result.json. The order of the properties is the order in the file; numbers are rounded to what they can mean. Threads are those of the
/// processor: null where a GPU computed.
/// </summary>
internal sealed record ResultDocument(
    string Tool,
    string Version,
    string Clip,
    string Model,
    int ImageSize,
    string Weights,
    IReadOnlyList<ModelWeights.File> WeightFiles,
    bool Trained,
    string Device,
    string? DeviceNote,
    int? Threads,
    ResultDocument.InputClip Input,
    ResultDocument.Choices Options,
    IReadOnlyList<ResultDocument.Frame> Frames,
    ResultDocument.Durations Timings,
    double PeakMemoryMb)
{
    /// <summary>What was segmented.</summary>
    internal sealed record InputClip(
        string Frames, string Audio, int Count, int Width, int Height, double Fps, double AudioSeconds, int AudioRate, int AudioChannels);

    /// <summary>How it was segmented.</summary>
    internal sealed record Choices(string Decode, int Window);

    /// <summary>One frame's answer.</summary>
    /// <param name="Index">From 0.</param>
    /// <param name="Seconds">Place in the clip.</param>
    /// <param name="PredictedIou">The model's own estimate of the mask's quality.</param>
    /// <param name="ObjectScore">Logit; above 0 the model believes that the sounding object is in the frame.</param>
    /// <param name="Area">Pixels of the mask.</param>
    /// <param name="AreaShare">Share of the frame.</param>
    /// <param name="Box">[x0, y0, x1, y1], ends exclusive; null for an empty mask.</param>
    /// <param name="Mask">Path of the mask, relative to the result.</param>
    /// <param name="Overlay">Path of the overlay, relative to the result.</param>
    internal sealed record Frame(
        int Index, double Seconds, double PredictedIou, double ObjectScore, int Area, double AreaShare,
        [property: JsonConverter(typeof(OneLineBox))] int[]? Box, string Mask, string Overlay);

    /// <summary>Where the time went, in seconds.</summary>
    /// <param name="StartupS">From the start of the process to that of the command: runtime, command line.</param>
    /// <param name="FirstMaskS">From the start of the process until the first mask is known; what the model computes for it
    /// included.</param>
    /// <param name="OpenS">Opening the clip and reading its sound.</param>
    /// <param name="LoadS">Loading weights and building the model.</param>
    /// <param name="Stages">The model's stages; their sum is what <paramref name="FramesPerSecond"/> counts.</param>
    /// <param name="WriteS">Drawing and writing pictures.</param>
    /// <param name="TotalS">From the start of the command to this file.</param>
    /// <param name="FramesPerSecond">Frames over the time of all stages.</param>
    internal sealed record Durations(
        double StartupS, double FirstMaskS, double OpenS, double LoadS, IReadOnlyDictionary<string, double> Stages, double WriteS, double TotalS,
        double FramesPerSecond);
}

/// <summary>How the command writes JSON: snake_case, indented, invariant, line feeds everywhere.</summary>
[JsonSourceGenerationOptions]
[JsonSerializable(typeof(ResultDocument))]
[JsonSerializable(typeof(TrackDocument))]
[JsonSerializable(typeof(DevicesDocument))]
[JsonSerializable(typeof(VerifyDocument))]
[JsonSerializable(typeof(InspectDocument))]
[JsonSerializable(typeof(ConvertDocument))]
[JsonSerializable(typeof(ProfileDocument))]
[JsonSerializable(typeof(TrainDocument))]
internal sealed partial class ResultJson : JsonSerializerContext
{
    /// <summary>The one context with the command's options.</summary>
    public static ResultJson Of { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // for the plus of b+ and names in any script; this is no web page
    });
}

/// <summary>Keeps the four numbers of a box, or the dimensions of a tensor, on one line.</summary>
internal sealed class OneLineBox : JsonConverter<int[]>
{
    public override int[]? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("they are only written");

    public override void Write(Utf8JsonWriter writer, int[] value, JsonSerializerOptions options) =>
        writer.WriteRawValue($"[{string.Join(", ", value)}]");
}
