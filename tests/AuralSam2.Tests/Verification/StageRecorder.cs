using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Weights;

namespace AuralSam2.Tests.Verification;

/// <summary>Writes what a run shows as a fixture: stages channel-first and cut into windows where fixtures have them so, large ones sampled.</summary>
internal sealed class StageRecorder(Device device)
{
    private const int SampleLength = 4096;
    private const long SampleStep = 1000003;

    private readonly Dictionary<string, (int[] Shape, float[] Values)> stages = [];

    /// <summary>Records what it sees under a prefix.</summary>
    public StageObserver Observer(string prefix = "") => (stage, value, layout, edge) =>
    {
        var values = new float[value.Length];
        device.Download(value, values);
        int[] dims = [.. Enumerable.Range(0, value.Shape.Rank).Select(i => value.Shape[i])];
        stages[prefix + stage] = layout switch
        {
            StageLayout.Map => ChannelFirst(dims, values),
            StageLayout.Windows when edge > 0 => Windows(dims, values, edge),
            StageLayout.WindowMaps when edge > 0 => ChannelFirst(Windows(dims, values, edge)),
            StageLayout.WindowMaps => ChannelFirst(dims, values),
            _ => (dims, values),
        };
    };

    /// <summary>Records values that already lie as in a fixture.</summary>
    public void Add(string stage, int[] shape, float[] values) => stages[stage] = (shape, values);

    /// <summary>Writes the fixture.</summary>
    /// <param name="path">File.</param>
    /// <param name="metadata">Kind, model, seed and so on; the shapes of stages are added unless <paramref name="noteShapes"/> is false.</param>
    /// <param name="sampleAbove">Stages with more elements are sampled.</param>
    /// <param name="noteShapes">Whether the metadata tell the shapes.</param>
    public void Write(string path, Dictionary<string, string> metadata, int sampleAbove = 16384, bool noteShapes = true)
    {
        var tensors = new List<SafetensorsTensor>();
        foreach (var (name, (shape, values)) in stages)
        {
            if (values.Length <= sampleAbove)
            {
                tensors.Add(SafetensorsTensor.Of(name, shape, values));
                continue;
            }

            float[] sample = [.. Enumerable.Range(0, SampleLength).Select(j => values[j * SampleStep % values.Length])];
            var mean = values.Average(v => (double)v);
            var deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
            double[] stats = [mean, deviation, values.Max(Math.Abs), values.Min(), values.Max(), values.Sum(v => (double)v)];
            tensors.Add(SafetensorsTensor.Of(name + "@sample", [SampleLength], sample));
            tensors.Add(SafetensorsTensor.Of(name + "@stats", [6], stats));
        }

        if (noteShapes) metadata["shapes"] = "{" + string.Join(", ", stages.Select(s => $"\"{s.Key}\": [{string.Join(", ", s.Value.Shape)}]")) + "}";
        SafetensorsWriter.Write(path, metadata, tensors);
    }

    private static (int[] Shape, float[] Values) ChannelFirst((int[] Dims, float[] Values) stage) => ChannelFirst(stage.Dims, stage.Values);

    /// <summary><c>[(n,) h, w, c]</c> becomes <c>[n, c, h, w]</c>.</summary>
    private static (int[] Shape, float[] Values) ChannelFirst(int[] dims, float[] values)
    {
        var (images, height, width, channels) = (dims.Length == 4 ? dims[0] : 1, dims[^3], dims[^2], dims[^1]);
        var turned = new float[values.Length];
        var at = 0;
        for (var n = 0; n < images; n++)
            for (var c = 0; c < channels; c++)
                for (var y = 0; y < height; y++)
                    for (var x = 0; x < width; x++) turned[at++] = values[(((((n * height) + y) * width) + x) * channels) + c];
        return ([images, channels, height, width], turned);
    }

    /// <summary><c>[h, w, c]</c> becomes <c>[windows, edge, edge, c]</c>; the padding holds what no engine computes.</summary>
    private static (int[] Shape, float[] Values) Windows(int[] dims, float[] values, int edge)
    {
        var (height, width, channels) = (dims[^3], dims[^2], dims[^1]);
        var (down, across) = ((height + edge - 1) / edge, (width + edge - 1) / edge);
        var cut = new float[down * across * edge * edge * channels];
        Array.Fill(cut, 12345f);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (window, cell) = ((y / edge * across) + (x / edge), (y % edge * edge) + (x % edge));
                Array.Copy(values, ((y * width) + x) * channels, cut, ((window * edge * edge) + cell) * channels, channels);
            }
        }

        return ([down * across, edge, edge, channels], cut);
    }
}
