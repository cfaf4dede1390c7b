using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Training;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Parts;

/// <summary>
/// A training step of AuralFuser: the pyramids and the sound of five frames are given and need no gradient; forward with the batch's
/// statistics, back to every parameter, and AdamW over all of them.
/// </summary>
/// <remarks>
/// The loss is the sum of all fused maps and sounds, each value times one by rule: its gradient is that rule's tensor. The learning rate is 0,
/// so that every round computes the same. Dropout is off: two generators would make results incomparable.
/// </remarks>
internal sealed class TrainingPart : IDisposable
{
    public const string Name = "AuralFuser training step, 5 frames";

    private const int Frames = 5;
    private const double WeightDecay = 0.05;
    private const string Prefix = "aural_fuser.";

    /// <summary>Parameters whose gradients are compared with the peer's: convolutions, linear layers and norms of all three levels.</summary>
    public static readonly string[] Compared =
    [
        "patch_embeds.0.weight", "f_blocks.0.0.attn.sr.weight", "f_blocks.0.0.norm1.weight", "f_blocks.1.5.attn.q.weight",
        "f_blocks.2.11.mlp.dwconv.dwconv.weight", "f_blocks.2.11.mlp.fc2.weight", "a_blocks.1.0.attn.kv.weight", "smooth_convs.0.weight",
        "fusion_modules.0.W_z.1.weight", "fusion_modules.0.W_z2.0.weight", "fusion_modules.2.q_frame.weight", "fusion_modules.2.norm_layer.weight",
    ];

    private readonly Device device;
    private readonly AuralSam2Network network;
    private readonly FuserLearner learner;
    private readonly AdamWOptimizer optimizer;
    private readonly List<DeviceBuffer> inputs = [];
    private readonly Tensor[] levels;
    private readonly Tensor heard;
    private readonly Tensor[] seeds;
    private readonly Tensor audio;
    private readonly Tensor[] results; // three fused maps [frames, cells, 256], three sounds [frames, 256]
    private readonly TrainedParameter[] compared;

    /// <summary>Loads the model.</summary>
    /// <param name="device">Where.</param>
    /// <param name="model">Size of SAM2, which decides the grid.</param>
    public TrainingPart(Device device, string model)
    {
        this.device = device;
        network = AuralSam2Network.Load(
            device, Sam2Config.Named(model), FuserConfig.Published(), new RuleWeights(), isLearned: FuserLearner.IsLearned(trainVggish: false));
        learner = new FuserLearner(network, dropout: 0, AudioConForm.None);
        optimizer = new AdamWOptimizer(learner);
        var (size, grid) = (network.Sam2.Config.ImageSize, network.Sam2.Config.Grid);
        levels = [.. Levels(i => Noise($"bench.level.{i}", 1, Frames, size >> (i + 2), size >> (i + 2), FpnNeck.Channels))];
        heard = Noise("bench.heard", 1, Frames, AuralFuser.Channels);
        seeds =
        [
            .. Levels(i => Noise($"bench.seed.map.{i}", 1e-3, Frames, grid * grid, AuralFuser.Channels)),
            .. Levels(i => Noise($"bench.seed.sound.{i}", 1e-3, Frames, AuralFuser.Channels)),
        ];
        results = [.. Levels(_ => Room(Frames, grid * grid, AuralFuser.Channels)), .. Levels(_ => Room(Frames, AuralFuser.Channels))];
        audio = Room(Frames, AuralFuser.Channels);
        compared = [.. Compared.Select(name => learner.Parameters.Single(parameter => parameter.Name == Prefix + name))];
        Part = Part.Of(Name, Step);
    }

    /// <summary>The step. Outputs: the sounds <c>[5, 256]</c> of all levels, the last fused map, then gradients of <see cref="Compared"/>.</summary>
    public Part Part { get; }

    /// <summary>Bytes of all learned parameters.</summary>
    public long ParameterBytes => sizeof(float) * learner.Parameters.Sum(parameter => parameter.Value.Length);

    /// <summary>Bytes of what the last step saved for its gradients, and of the gradients of activations.</summary>
    public long StepBytes => learner.Tape.HeldBytes;

    /// <summary>Bytes of activations while the model runs.</summary>
    public long ScratchBytes => sizeof(float) * device.Arena.Capacity;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var input in inputs) input.Dispose();
        optimizer.Dispose();
        learner.Dispose();
    }

    private static IEnumerable<Tensor> Levels(Func<int, Tensor> make) => Enumerable.Range(0, AuralFuser.Levels).Select(make);

    private Tensor[] Step()
    {
        var tape = learner.Tape;
        var grid = network.Sam2.Config.Grid;
        var (maps, sounds) = (results[..AuralFuser.Levels], results[AuralFuser.Levels..]);
        learner.ZeroGradients();
        using (tape.Record())
        {
            foreach (var level in levels) tape.Hold(level.Buffer);
            for (var i = 0; i < AuralFuser.Levels; i++)
            {
                var cells = maps[i].Reshape(Frames, grid, grid, AuralFuser.Channels);
                for (var t = 0; t < Frames; t++) network.Fuser.PatchEmbed(i, levels[i].At(t), cells.At(t));
            }

            device.Copy(heard, audio);
            network.Fuser.Forward(maps, audio, sounds);
        }

        tape.ClearGradients();
        foreach (var (result, seed) in results.Zip(seeds)) device.Copy(seed, tape.Gradient(result));
        tape.WalkBack();
        optimizer.Step(rate: 0, WeightDecay, norm: 1, clipNorm: null);
        return [.. sounds, maps[^1], .. compared.Select(learner.Gradient)];
    }

    private Tensor Noise(string name, double scale, params ReadOnlySpan<int> shape)
    {
        var tensor = Room(shape);
        var values = new float[tensor.Length];
        RuleTensor.Fill("", name, 0, scale, values);
        device.Upload(values, tensor);
        return tensor;
    }

    private Tensor Room(params ReadOnlySpan<int> shape)
    {
        var tensor = device.AllocateTensor(shape);
        inputs.Add(tensor.Buffer);
        return tensor;
    }
}
