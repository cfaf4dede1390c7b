using System.Text;
using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Tests.Weights.Torch;
using AuralSam2.Weights;

namespace AuralSam2.Tests.Weights;

/// <summary>Files of the names and shapes of whole models, whose numbers are holes on the disk: zeros that take no room.</summary>
internal static class SparseFiles
{
    /// <summary>Official names and shapes of everything that a model reads.</summary>
    public static (string Name, int[] Shape)[] Parameters(
        string model, Sam2Version version = Sam2Version.V20, FuserVariant variant = FuserVariant.Avs) =>
        Parameters(Sam2Config.Named(model, version), model == "mini" ? FuserConfig.Mini(variant) : FuserConfig.Published(variant));

    /// <summary>Official names and shapes of a model of any configuration.</summary>
    public static (string Name, int[] Shape)[] Parameters(Sam2Config sam2, FuserConfig fuser)
    {
        using var device = new CpuDevice(1);
        var recorded = new Recorded();
        try
        {
            AuralSam2Network.Load(device, sam2, fuser, recorded);
        }
        catch (NotSupportedException)
        {
            // Names and shapes are known; nothing had to be read.
        }

        return [.. recorded.Shapes.Select(pair => (pair.Key, pair.Value))];
    }

    /// <summary>Only the parameters of SAM2, of VGGish, or of AuralFuser without VGGish.</summary>
    public static (string Name, int[] Shape)[] Of(this (string Name, int[] Shape)[] parameters, WeightParts parts) =>
        [.. parameters.Where(parameter => parts.HasFlag(KeyMap.PartOf(parameter.Name)))];

    /// <summary>The same shapes under other names.</summary>
    public static (string Name, int[] Shape)[] Called(this (string Name, int[] Shape)[] parameters, Func<string, string> rename) =>
        [.. parameters.Select(parameter => (rename(parameter.Name), parameter.Shape))];

    /// <summary>Writes safetensors.</summary>
    public static string Safetensors(this TemporaryFolder folder, string file, IEnumerable<(string Name, int[] Shape)> parameters)
    {
        var (header, offset) = (new List<string>(), 0L);
        foreach (var (name, shape) in parameters)
        {
            var end = offset + (shape.Aggregate(1L, (n, d) => n * d) * sizeof(float));
            header.Add(SafetensorsBytes.Entry(name, "F32", $"[{string.Join(',', shape)}]", $"[{offset},{end}]"));
            offset = end;
        }

        var json = Encoding.UTF8.GetBytes("{" + string.Join(',', header) + "}");
        using var stream = File.Create(folder.File(file));
        stream.Write(BitConverter.GetBytes((ulong)json.Length));
        stream.Write(json);
        stream.SetLength(stream.Position + offset);
        return stream.Name;
    }

    /// <summary>
    /// Writes a PyTorch checkpoint in the legacy layout, its state dict under <c>model</c>; some tensors may have values.
    /// </summary>
    public static string Torch(
        this TemporaryFolder folder, string file, IEnumerable<(string Name, int[] Shape)> parameters, Func<string, float[]?>? values = null)
    {
        var tensors = parameters
            .Select((parameter, i) => (parameter.Name, parameter.Shape, Storage: new WrittenStorage($"{i}", "FloatStorage", [])
            {
                Holes = Math.Max(1, parameter.Shape.Aggregate(1L, (n, d) => n * d)),
            }))
            .ToList();
        var state = TorchWriter.StateDict([.. tensors.Select(t => ((object)t.Name, (object?)TorchWriter.Tensor(t.Storage, t.Shape)))]);
        using var stream = File.Create(folder.File(file));
        stream.Write(TorchWriter.Legacy(TorchWriter.Dictionary(("model", state), ("epoch", 1)), [], 2, [.. tensors.Select(t => t.Storage.Key)]));
        foreach (var (name, _, storage) in tensors)
        {
            stream.Write(BitConverter.GetBytes(storage.Elements));
            var end = stream.Position + (storage.Elements * sizeof(float));
            foreach (var value in values?.Invoke(name) ?? []) stream.Write(BitConverter.GetBytes(value));
            stream.Position = end;
        }

        stream.SetLength(stream.Position);
        return stream.Name;
    }

    private sealed class Recorded : IWeightSource
    {
        public Dictionary<string, int[]> Shapes { get; } = [];

        public string Description => "recorded";

        public IReadOnlyCollection<string> Names => [];

        public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected)
        {
            Shapes.TryAdd(name, [.. expected]);
            return expected;
        }

        public void Read(string name, IReadOnlyList<int> shape, Span<float> destination) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
