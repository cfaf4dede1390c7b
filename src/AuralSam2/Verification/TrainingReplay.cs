using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Training;

namespace AuralSam2.Verification;

/// <summary>The training that a fixture recorded, from its beginning: its model, optimizer, clip and labels. No dropout, no drawn samples.</summary>
internal sealed partial class TrainingReplay : IDisposable
{
    private const double ClipScale = 2, ExampleScale = 3, TextScale = 0.5;
    private const double Rate = 1e-4, Decay = 0.05;
    private const int ScheduledSteps = 100;

    private readonly Arena.Lease scope;
    private readonly ClipForward room;
    private readonly Tensor examples;
    private readonly Tensor text;
    private readonly byte[][] labels;

    /// <summary>Builds the model and encodes the clip, which frozen parts do once.</summary>
    public TrainingReplay(Device device, Fixture fixture, CancellationToken cancellation)
    {
        IsRef = fixture.Metadata("variant").StartsWith("ref", StringComparison.OrdinalIgnoreCase);
        var sam2 = fixture.Sam2();
        var depths = fixture.Metadata("f_depths") is { Length: > 0 } told
            ? JsonSerializer.Deserialize<int[]>(told)!
            : FuserConfig.Mini(FuserVariant.Avs).FrameDepths;
        var fuser = new FuserConfig(IsRef ? FuserVariant.Ref : FuserVariant.Avs, depths, FuserConfig.Published().AudioDepth);
        Frames = fixture.ShapeOf("step0.feat.0")[0];
        labels = Labels(fixture.Note, Frames, sam2.ImageSize);
        using var weights = fixture.Weights();
        var network = AuralSam2Network.Load(device, sam2, fuser, weights, progress: null, isLearned: FuserLearner.IsLearned(trainVggish: false));
        Learner = new FuserLearner(network, dropout: 0, AudioConForm.Released);
        Optimizer = new AdamWOptimizer(Learner);
        Settings = new TrainingSettings
        {
            Model = fixture.Model,
            Dataset = "fixture",
            Epochs = ScheduledSteps,
            Rate = Rate,
            WeightDecay = Decay,
            Dropout = 0,
            ImageSize = sam2.ImageSize,
        };
        scope = device.Scope();
        try
        {
            room = Learner.Room(Frames);
            Encode(device, fixture, room, Frames, sam2.ImageSize, cancellation);
            examples = device.Rent(Frames, 2, LogMel.ExampleFrames, LogMel.Bands);
            device.Upload(fixture.Input("input.spect", ExampleScale, examples.Length), examples);
            if (!IsRef) return;
            text = device.Rent(AuralFuser.TextTokens, AuralFuser.TextChannels);
            device.Upload(fixture.Input("input.text", TextScale, text.Length), text);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether the model takes a sentence too.</summary>
    public bool IsRef { get; }

    /// <summary>Frames of the clip.</summary>
    public int Frames { get; }

    /// <summary>What learns.</summary>
    public FuserLearner Learner { get; }

    /// <summary>Its optimizer.</summary>
    public AdamWOptimizer Optimizer { get; }

    /// <summary>What the run was recorded with.</summary>
    public TrainingSettings Settings { get; }

    /// <summary>Forward and back; afterwards the learner has gradients.</summary>
    /// <param name="look">Sees values by their names while they are recorded; or null.</param>
    public LossTerms Learn(Action<string, Tensor>? look)
    {
        Learner.ZeroGradients();
        return Learner.Learn(room, examples, text, labels, Identity, scale: 1, look);
    }

    /// <summary>Changes the parameters by their gradients.</summary>
    /// <param name="step">From 0.</param>
    public void Step(int step) => Optimizer.Step(new PolySchedule(Rate, ScheduledSteps).Rate(step), Decay, norm: 0, clipNorm: null);

    /// <inheritdoc/>
    public void Dispose()
    {
        scope.Dispose();
        Optimizer.Dispose();
        Learner.Dispose();
    }

    private static int[] Identity(int count) => [.. Enumerable.Range(0, count)];

    private static void Encode(Device device, Fixture fixture, ClipForward room, int frames, int size, CancellationToken cancellation)
    {
        var video = fixture.Map("input.video", ClipScale, frames, 3, size);
        for (var t = 0; t < frames; t++)
        {
            using var scope = device.Scope();
            var image = device.Rent(size, size, 3);
            device.Upload(video.AsSpan(t * (int)image.Length, (int)image.Length), image);
            room.Encode(t, image, cancellation);
        }
    }

    /// <summary>A circle, a rectangle, then nothing, as the note says.</summary>
    private static byte[][] Labels(string note, int frames, int size)
    {
        int[] c = Numbers(Circle().Match(note), 40, 60, 900), r = Numbers(Rectangle().Match(note), 20, 100, 80);
        var labels = new byte[frames][];
        for (var t = 0; t < frames; t++)
        {
            labels[t] = new byte[size * size];
            for (var i = 0; i < labels[t].Length; i++)
            {
                var (y, x) = (i / size, i % size);
                var on = t == 0 ? ((y - c[0]) * (y - c[0])) + ((x - c[1]) * (x - c[1])) < c[2] : t == 1 && y > r[0] && y < r[1] && x > r[2];
                labels[t][i] = on ? (byte)1 : (byte)0;
            }
        }

        return labels;
    }

    private static int[] Numbers(Match match, params int[] otherwise) => match.Success
        ? [.. match.Groups.Values.Skip(1).Select(g => int.Parse(g.Value, CultureInfo.InvariantCulture))]
        : otherwise;

    [GeneratedRegex(@"circle \(y-(\d+)\)\^2\+\(x-(\d+)\)\^2<(\d+)")]
    private static partial Regex Circle();

    [GeneratedRegex(@"rect (\d+)<y<(\d+),x>(\d+)")]
    private static partial Regex Rectangle();
}
