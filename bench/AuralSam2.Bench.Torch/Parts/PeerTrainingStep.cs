using TorchSharp;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// A training step of AuralFuser: forward, back from given gradients of all results, AdamW with learning rate 0 over all parameters. See
/// <c>TrainingPart</c> on this engine's side.
/// </summary>
internal sealed class PeerTrainingStep : IPeerPart
{
    private const int ImageSize = 1024;
    private const int Grid = ImageSize / 16;
    private const int Channels = 256;
    private const int Frames = 5;
    private const int Levels = 3;

    private static readonly string[] Compared =
    [
        "patch_embeds.0.weight", "f_blocks.0.0.attn.sr.weight", "f_blocks.0.0.norm1.weight", "f_blocks.1.5.attn.q.weight",
        "f_blocks.2.11.mlp.dwconv.dwconv.weight", "f_blocks.2.11.mlp.fc2.weight", "a_blocks.1.0.attn.kv.weight", "smooth_convs.0.weight",
        "fusion_modules.0.W_z.1.weight", "fusion_modules.0.W_z2.0.weight", "fusion_modules.2.q_frame.weight", "fusion_modules.2.norm_layer.weight",
    ];

    private readonly PeerParameters parameters = new(ScalarType.Float32, learns: true);
    private readonly TorchLearningFuser fuser;
    private readonly Tensor[] levels;
    private readonly Tensor heard;
    private readonly Tensor[] seeds;
    private readonly optim.Optimizer optimizer;
    private Tensor[] results = [];
    private Tensor[] outputs = [];

    /// <summary>Makes parameters and inputs.</summary>
    public PeerTrainingStep()
    {
        using var learning = inference_mode(false); // what is made in inference mode, autograd does not take
        using var scope = NewDisposeScope();
        fuser = new TorchLearningFuser(Grid, parameters);
        levels = [.. Each(i => parameters.Input($"bench.level.{i}", 1, Frames, ImageSize >> (i + 2), ImageSize >> (i + 2), Channels))];
        heard = parameters.Input("bench.heard", 1, Frames, Channels);
        seeds =
        [
            .. Each(i => parameters.Input($"bench.seed.map.{i}", 1e-3, Frames, Grid * Grid, Channels)),
            .. Each(i => parameters.Input($"bench.seed.sound.{i}", 1e-3, Frames, Channels)),
        ];
        optimizer = optim.AdamW(parameters.Learned.Values, lr: 0, weight_decay: 0.05);
    }

    public void Prepare() => Free();

    public void Run()
    {
        using var learning = inference_mode(false);
        using var scope = NewDisposeScope();
        Free();
        foreach (var parameter in parameters.Learned.Values) parameter.grad = null; // as zero_grad(set_to_none) does in PyTorch
        var fused = fuser.Forward(levels, heard);
        autograd.backward(fused, seeds);
        optimizer.step();
        results = [.. fused[Levels..], fused[Levels - 1]];
        foreach (var result in results) result.MoveToOuterDisposeScope();
    }

    public IReadOnlyList<Tensor> Outputs()
    {
        using var learning = inference_mode(false);
        using var scope = NewDisposeScope();
        var gradients = Compared.Select(name => parameters.Learned["aural_fuser." + name].grad!);
        outputs = [.. results.Concat(gradients).Select(tensor => tensor.detach().contiguous().clone())];
        foreach (var tensor in outputs) tensor.MoveToOuterDisposeScope();
        return outputs;
    }

    public void Dispose()
    {
        Free();
        optimizer.Dispose();
        parameters.Dispose();
    }

    private static IEnumerable<Tensor> Each(Func<int, Tensor> make) => Enumerable.Range(0, Levels).Select(make);

    private void Free()
    {
        foreach (var tensor in (Tensor[])[.. results, .. outputs]) tensor.Dispose();
        (results, outputs) = ([], []);
    }
}
