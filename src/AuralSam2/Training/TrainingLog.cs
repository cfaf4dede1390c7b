using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuralSam2.Training;

/// <summary>A line of the log.</summary>
/// <param name="Epoch">From 0.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(StepLine), "step")]
[JsonDerivedType(typeof(EpochLine), "epoch")]
public abstract record LogLine(int Epoch);

/// <summary>A step.</summary>
/// <param name="Epoch">From 0.</param>
/// <param name="Step">From 0.</param>
/// <param name="Clips">Clips of the step.</param>
/// <param name="Loss">Mean over them; see <see cref="LossTerms"/> for its terms.</param>
/// <param name="Focal">Mean focal loss, not weighted.</param>
/// <param name="Dice">Mean dice loss.</param>
/// <param name="Iou">Mean error of predicted IoUs.</param>
/// <param name="Object">Mean cross-entropy of the object logit.</param>
/// <param name="Contrast">Mean contrastive loss.</param>
/// <param name="LearningRate">That the step used.</param>
/// <param name="GradientNorm">Of all gradients together, before it was clipped.</param>
/// <param name="Seconds">That it took, waiting for clips included.</param>
/// <param name="ClipsPerSecond">Clips over seconds.</param>
/// <param name="Gflops">10^9 operations per second over that time.</param>
/// <param name="Mfu">Share of the device's peak that this is; null where no peak is known.</param>
public sealed record StepLine(
    int Epoch, long Step, int Clips, double Loss, double Focal, double Dice, double Iou, double Object, double Contrast,
    double LearningRate, double GradientNorm, double Seconds, double ClipsPerSecond, double Gflops, double? Mfu) : LogLine(Epoch);

/// <summary>A validation.</summary>
/// <param name="Epoch">From 0.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="Clips">Clips that J and F are means over.</param>
/// <param name="Jaccard">J, 0 .. 1; null without such clips.</param>
/// <param name="FMeasure">F, 0 .. 1; null without such clips.</param>
/// <param name="NullShare">S of null clips; null without any.</param>
/// <param name="Best">Whether no epoch before scored as much.</param>
/// <param name="Seconds">That the validation took.</param>
public sealed record EpochLine(
    int Epoch, long Steps, int Clips, double? Jaccard, double? FMeasure, double? NullShare, bool Best, double Seconds) : LogLine(Epoch)
{
    /// <summary>What epochs are compared by: the mean of J and F.</summary>
    [JsonIgnore]
    public double? Score => (Jaccard + FMeasure) / 2;
}

/// <summary>The log of a run: JSON, a line per step and per validation.</summary>
/// <remarks>A run that resumes forgets the lines after its checkpoint: it will write them again.</remarks>
public sealed class TrainingLog : IDisposable
{
    private readonly List<LogLine> lines = [];
    private readonly FileStream file;

    private TrainingLog(FileStream file) => this.file = file;

    /// <summary>Everything that the log says, in order.</summary>
    public IReadOnlyList<LogLine> Lines => lines;

    /// <summary>Opens the log of a run, for this process alone.</summary>
    /// <param name="path">File; made where there is none.</param>
    /// <param name="position">Where the run goes on.</param>
    /// <exception cref="TrainingException">Another process writes it.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal static TrainingLog Open(string path, TrainingPosition position)
    {
        FileStream file;
        try
        {
            // Windows would keep people from watching a file that is not shared; elsewhere only writers ask.
            file = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Read : FileShare.None);
        }
        catch (IOException error) when (File.Exists(path))
        {
            throw new TrainingException($"{path}: cannot be opened ({error.Message}); does another process train there?", error);
        }

        try
        {
            var log = new TrainingLog(file);
            log.Keep(position);
            return log;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Adds a line; it has left this process when this returns.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal void Add(LogLine line)
    {
        lines.Add(line);
        file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(line, TrainingJson.Default.LogLine) + "\n"));
        file.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    /// <summary>Reads the lines before a position and cuts the file off behind them: they come first.</summary>
    private void Keep(TrainingPosition position)
    {
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var kept = 0;
        // A line without its end was cut off when its writer was killed.
        while (bytes.AsSpan(kept).IndexOf((byte)'\n') is >= 0 and var length)
        {
            if (Parse(bytes.AsSpan(kept, length)) is not { } line || !IsBefore(line, position)) break;
            lines.Add(line);
            kept += length + 1;
        }

        file.SetLength(kept);
        file.Seek(0, SeekOrigin.End);
    }

    private static LogLine? Parse(ReadOnlySpan<byte> text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, TrainingJson.Default.LogLine);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsBefore(LogLine line, TrainingPosition position) => line switch
    {
        StepLine step => step.Step < position.Step,
        _ => line.Epoch < position.Epoch,
    };
}
