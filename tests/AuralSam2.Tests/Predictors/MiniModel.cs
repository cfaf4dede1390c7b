using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Tests.Predictors;

/// <summary>The small model on two threads, loaded once for a class of tests.</summary>
public sealed class MiniModel : IDisposable
{
    private readonly CpuDevice device = new(2);

    public MiniModel()
    {
        using var weights = new RuleWeights();
        Model = AuralSam2Model.Load(device, "mini", weights);
    }

    public AuralSam2Model Model { get; }

    public void Dispose()
    {
        Model.Dispose();
        device.Dispose();
    }
}

/// <summary>Moving discs on a coloured ground: every frame differs from every other.</summary>
internal sealed class GeneratedFrames(int count, int width = 60, int height = 44, int first = 0) : IFrameSource
{
    public string Description => "generated frames";

    public int Count => count;

    public int Width => width;

    public int Height => height;

    public double FramesPerSecond => 1;

    /// <summary>Called before a frame is read.</summary>
    public Action<int>? Reading { get; init; }

    public bool IsDisposed { get; private set; }

    public RgbImage Read(int index)
    {
        Reading?.Invoke(index);
        var pixels = new byte[width * height * 3];
        var (t, centre) = (first + index, (X: width * (0.2 + (0.03 * (first + index))), Y: height * 0.5));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var inside = Math.Pow((x - centre.X) / width, 2) + Math.Pow((y - centre.Y) / height, 2) < 0.03;
                var at = ((y * width) + x) * 3;
                (pixels[at], pixels[at + 1], pixels[at + 2]) = inside ? ((byte)230, (byte)(40 + (8 * t)), (byte)30) : ((byte)(5 * t), (byte)(x * 255 / width), (byte)(y * 255 / height));
            }
        }

        return new RgbImage(width, height, pixels);
    }

    public void Dispose() => IsDisposed = true;

    /// <summary>A tone that rises from second to second, louder on the left.</summary>
    public static Waveform Sound(double seconds = 5, int rate = 16000, int channels = 2)
    {
        var length = (int)(seconds * rate);
        return new Waveform(rate, [.. Enumerable.Range(0, channels).Select(c => Enumerable.Range(0, length).Select(i => (float)(0.4 / (1 + c) * Math.Sin(i * (0.05 + (0.02 * (i / rate)))))).ToArray())]);
    }
}

/// <summary>Rule weights of which some are changed; <paramref name="names"/> lets them look like a file of another variant.</summary>
internal sealed class ChangedWeights(Func<string, float[]?> change, params string[] names) : IWeightSource
{
    private readonly RuleWeights rule = new();

    public string Description => "changed weights";

    public IReadOnlyCollection<string> Names => names;

    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => expected;

    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        rule.Read(name, shape, destination);
        change(name)?.CopyTo(destination);
    }

    public void Dispose() => rule.Dispose();
}

/// <summary>Collects what is reported, at once and in order.</summary>
internal sealed class ProgressLog(Action<SegmentProgress>? react = null) : IProgress<SegmentProgress>
{
    public List<SegmentProgress> Reports { get; } = [];

    public void Report(SegmentProgress value)
    {
        Reports.Add(value);
        react?.Invoke(value);
    }
}
