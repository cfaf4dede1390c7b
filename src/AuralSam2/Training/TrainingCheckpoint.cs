using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Weights;

namespace AuralSam2.Training;

/// <summary>
/// A run in one safetensors file: parameters and statistics under their official names, so that the file is a file of weights too; the
/// optimizer's state under names that begin with <c>optimizer.</c>, which models pass over; settings and position in the metadata. The file is
/// whole or not there (<see cref="SafetensorsWriter"/>), and a run that goes on from it does the same to the bit.
/// </summary>
public sealed class TrainingCheckpoint : IDisposable
{
    private const string MeanPrefix = KeyMap.OptimizerPrefix + "mean.";
    private const string SquarePrefix = KeyMap.OptimizerPrefix + "square.";
    private const string StepsName = KeyMap.OptimizerPrefix + "steps";
    private const string SettingsKey = "training.settings";
    private const string PositionKey = "training.position";

    private readonly SafetensorsFile file;

    private TrainingCheckpoint(SafetensorsFile file)
    {
        this.file = file;
        Settings = Read(SettingsKey, TrainingJson.Default.TrainingSettings);
        Position = Read(PositionKey, TrainingJson.Default.TrainingPosition);
    }

    /// <summary>Settings of the run.</summary>
    public TrainingSettings Settings { get; }

    /// <summary>How far it was.</summary>
    public TrainingPosition Position { get; }

    /// <summary>Writes a checkpoint, or replaces one once the new one has reached the disk.</summary>
    /// <param name="path">File; its folder exists.</param>
    /// <param name="settings">Settings of the run.</param>
    /// <param name="position">How far it is.</param>
    /// <param name="learner">Parameters and statistics.</param>
    /// <param name="optimizer">Its state.</param>
    /// <exception cref="WeightsException">The file cannot be written; the earlier one is as it was.</exception>
    /// <exception cref="TrainingException">A value is no finite number; the earlier file is as it was.</exception>
    public static void Save(string path, TrainingSettings settings, TrainingPosition position, ILearner learner, AdamWOptimizer optimizer) =>
        Save(path, settings, position, learner, optimizer, stream => stream);

    /// <summary>The same through a stream of the caller's.</summary>
    internal static void Save(
        string path, TrainingSettings settings, TrainingPosition position, ILearner learner, AdamWOptimizer optimizer, Func<Stream, Stream> through)
    {
        var metadata = new Dictionary<string, string>
        {
            ["content"] = $"a training run of AuralSAM2 on {settings.Model}: {position.Step} steps",
            [SettingsKey] = JsonSerializer.Serialize(settings, TrainingJson.Default.TrainingSettings),
            [PositionKey] = JsonSerializer.Serialize(position, TrainingJson.Default.TrainingPosition),
        };
        SafetensorsWriter.Write(path, metadata, Tensors(learner, optimizer), through);
    }

    /// <summary>Opens a checkpoint.</summary>
    /// <exception cref="WeightsException">There is none, or the file is damaged.</exception>
    /// <exception cref="TrainingException">The file is no checkpoint of a run.</exception>
    public static TrainingCheckpoint Open(string path)
    {
        var file = SafetensorsFile.Open(path);
        try
        {
            return new TrainingCheckpoint(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Puts a learner and an optimizer into the state that was saved.</summary>
    /// <exception cref="TrainingException">They are of another model.</exception>
    /// <exception cref="WeightsException">A tensor has another shape.</exception>
    public void Restore(ILearner learner, AdamWOptimizer optimizer)
    {
        var expected = Tensors(learner, optimizer).Select(t => t.Name).ToHashSet();
        if (expected.Except(file.Names).FirstOrDefault() is { } missing)
            throw new TrainingException($"{file.Path}: has no {missing}; is it of another model, or of another version of it?");
        if (file.Names.FirstOrDefault(name => !expected.Contains(name)) is { } unknown)
            throw new TrainingException($"{file.Path}: has {WeightsException.Quote(unknown)}, which this model has not; is it of another one?");

        for (var i = 0; i < learner.Parameters.Count; i++)
        {
            var (parameter, state) = (learner.Parameters[i], optimizer.States[i]);
            Fill(parameter.Name, parameter.Shape, parameter.Value);
            Fill(MeanPrefix + parameter.Name, parameter.Shape, state.Mean);
            Fill(SquarePrefix + parameter.Name, parameter.Shape, state.Square);
        }

        foreach (var tensor in learner.Statistics) Fill(tensor.Name, tensor.Shape, tensor.Value);
        var steps = file.ReadDoubles(StepsName);
        if (steps.Length != learner.Parameters.Count)
            throw new TrainingException($"{file.Path}: counts steps of {steps.Length} parameters, expected {learner.Parameters.Count}");
        for (var i = 0; i < steps.Length; i++) optimizer.States[i].Steps = (long)steps[i];
        learner.Refresh();

        void Fill(string name, int[] shape, Tensor tensor)
        {
            var values = new float[tensor.Length];
            file.Read(name, shape, values);
            learner.Device.Upload(values, tensor);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private static IEnumerable<SafetensorsTensor> Tensors(ILearner learner, AdamWOptimizer optimizer)
    {
        for (var i = 0; i < learner.Parameters.Count; i++)
            yield return Of(learner.Parameters[i].Name, learner.Parameters[i].Shape, learner.Parameters[i].Value);
        foreach (var tensor in learner.Statistics) yield return Of(tensor.Name, tensor.Shape, tensor.Value);
        for (var i = 0; i < learner.Parameters.Count; i++)
        {
            var (name, shape) = (learner.Parameters[i].Name, learner.Parameters[i].Shape);
            yield return Of(MeanPrefix + name, shape, optimizer.States[i].Mean);
            yield return Of(SquarePrefix + name, shape, optimizer.States[i].Square);
        }

        long[] steps = [.. optimizer.States.Select(state => state.Steps)];
        yield return SafetensorsTensor.Of(StepsName, [steps.Length], steps);

        SafetensorsTensor Of(string name, int[] shape, Tensor tensor) => SafetensorsTensor.Of(name, shape, () =>
        {
            var values = learner.Device.Download(tensor);
            foreach (var value in values)
                if (!float.IsFinite(value)) throw new TrainingException($"{name} holds {value}: nothing is saved; begin again with a lower --lr");
            return values;
        });
    }

    private T Read<T>(string key, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            if (file.Metadata.TryGetValue(key, out var text) && JsonSerializer.Deserialize(text, type) is { } value) return value;
        }
        catch (JsonException error)
        {
            throw new TrainingException($"{file.Path}: its {key} cannot be read ({error.Message}); it was not written by aural train", error);
        }

        throw new TrainingException($"{file.Path}: has no {key}; it is a file of weights, not a checkpoint of a run");
    }
}
