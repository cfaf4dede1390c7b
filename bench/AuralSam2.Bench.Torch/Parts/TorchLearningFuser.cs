using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// AuralFuser (AVS) while autograd records it: the graph of <see cref="TorchFuser"/> with batch norm on the batch's statistics. Nothing is
/// overwritten that a gradient needs; activations are matrices <c>[frames * cells, channels]</c>, whose products take sums in place.
/// </summary>
internal sealed class TorchLearningFuser
{
    private const int Channels = 256;
    private const int Hidden = 4 * Channels;
    private const int Levels = 3;
    private const int AudioDepth = 3;
    private static readonly int[] FrameDepths = [3, 6, 12];

    private readonly int grid;
    private readonly Convolution[] patchEmbeds;
    private readonly Linear[] smooth;
    private readonly FrameBlock[][] frameBlocks;
    private readonly AudioBlock[][] audioBlocks;
    private readonly Fusion[] fusions;
    private readonly Tensor imagePositions; // [grid * grid, 256]
    private readonly Tensor audioPosition; // [256]

    /// <summary>Asks for the parameters.</summary>
    /// <param name="grid">Cells of an edge.</param>
    /// <param name="parameters">Parameters that learn.</param>
    public TorchLearningFuser(int grid, PeerParameters parameters)
    {
        const string prefix = "aural_fuser.";
        this.grid = grid;
        patchEmbeds =
        [
            .. Each(Levels, i => parameters.Convolution($"{prefix}patch_embeds.{i}", Channels, Channels, 4 >> i, 4 >> i, padding: 0)),
        ];
        smooth = [.. Each(Levels - 1, i => parameters.Pointwise($"{prefix}smooth_convs.{i}", Channels, Channels))];
        frameBlocks =
        [
            .. Each(Levels, level => Each(FrameDepths[level], i => new FrameBlock($"{prefix}f_blocks.{level}.{i}", grid, parameters)).ToArray()),
        ];
        audioBlocks =
        [
            .. Each(Levels, level => Each(AudioDepth, i => new AudioBlock($"{prefix}a_blocks.{level}.{i}", parameters)).ToArray()),
        ];
        fusions = [.. Each(Levels, level => new Fusion($"{prefix}fusion_modules.{level}", grid, parameters))];
        imagePositions = parameters.Own(Encodings.Sine2D(grid, Channels));
        audioPosition = parameters.Own(arange(Channels).remainder(2).to(ScalarType.Float32)); // position 0: sin 0, cos 0, ...
    }

    /// <summary>Embeds and fuses.</summary>
    /// <param name="levels">The pyramid, per level <c>[frames, h, w, 256]</c>.</param>
    /// <param name="audio"><c>[frames, 256]</c>.</param>
    /// <returns>Per level <c>[frames, grid * grid, 256]</c>, then per level <c>[frames, 256]</c>; the caller disposes them.</returns>
    public Tensor[] Forward(Tensor[] levels, Tensor audio)
    {
        using var outer = NewDisposeScope();
        Tensor[] maps = new Tensor[Levels], sounds = new Tensor[Levels];
        for (var level = 0; level < Levels; level++)
        {
            using var scope = NewDisposeScope();
            var frames = levels[level].shape[0];
            var x = patchEmbeds[level].Forward(levels[level]).reshape(-1, Channels);
            if (level > 0) x = smooth[level - 1].Forward(x + maps[level - 1].view(-1, Channels));
            x = AddPositions(x, frames);
            audio = audio + audioPosition;
            foreach (var block in frameBlocks[level]) x = block.Forward(x);
            foreach (var block in audioBlocks[level]) audio = block.Forward(audio);
            (x, audio) = fusions[level].Forward(AddPositions(x, frames), audio + audioPosition);
            maps[level] = x.view(frames, -1, Channels).MoveToOuterDisposeScope();
            sounds[level] = audio.MoveToOuterDisposeScope();
        }

        return [.. maps.Concat(sounds).Select(result => result.MoveToOuterDisposeScope())];
    }

    private static IEnumerable<T> Each<T>(int count, Func<int, T> make) => Enumerable.Range(0, count).Select(make);

    private Tensor AddPositions(Tensor x, long frames) => (x.view(frames, -1, Channels) + imagePositions).view(-1, Channels);

    /// <summary>Four heads of 64.</summary>
    /// <param name="queries"><c>[sequences * n, 256]</c>.</param>
    /// <param name="pairs"><c>[sequences * m, 512]</c>: keys, then values.</param>
    /// <param name="sequences">Sequences that attend to themselves.</param>
    private static Tensor HeadAttention(Tensor queries, Tensor pairs, long sequences)
    {
        const int heads = 4;
        var keysValues = pairs.view(sequences, -1, 2, heads, Channels / heads).unbind(2);
        var attended = F.scaled_dot_product_attention(
            queries.view(sequences, -1, heads, Channels / heads).transpose(1, 2), keysValues[0].transpose(1, 2), keysValues[1].transpose(1, 2));
        return attended.transpose(1, 2).reshape(-1, Channels);
    }

    /// <summary>Attention of all cells to a map reduced 4 x 4, then two layers with a depthwise convolution between them.</summary>
    private sealed class FrameBlock(string prefix, int grid, PeerParameters parameters)
    {
        private readonly Norm norm1 = parameters.Norm(prefix + ".norm1", Channels, 1e-5);
        private readonly Linear q = parameters.Linear(prefix + ".attn.q", Channels, Channels);
        private readonly Convolution reduce = parameters.Convolution(prefix + ".attn.sr", Channels, Channels, kernel: 4, stride: 4, padding: 0);
        private readonly Norm reducedNorm = parameters.Norm(prefix + ".attn.norm", Channels, 1e-5);
        private readonly Linear kv = parameters.Linear(prefix + ".attn.kv", 2 * Channels, Channels);
        private readonly Linear projection = parameters.Linear(prefix + ".attn.proj", Channels, Channels);
        private readonly Norm norm2 = parameters.Norm(prefix + ".norm2", Channels, 1e-5);
        private readonly Linear expand = parameters.Linear(prefix + ".mlp.fc1", Hidden, Channels);
        private readonly Convolution depthwise =
            parameters.Convolution(prefix + ".mlp.dwconv.dwconv", Hidden, Hidden, kernel: 3, stride: 1, padding: 1, groups: Hidden);
        private readonly Linear contract = parameters.Linear(prefix + ".mlp.fc2", Channels, Hidden);

        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var normed = norm1.Forward(x);
            var reduced = reduce.Forward(normed.view(-1, grid, grid, Channels)).reshape(-1, Channels);
            var pairs = kv.Forward(reducedNorm.Forward(reduced));
            var attended = HeadAttention(q.Forward(normed), pairs, sequences: x.shape[0] / (grid * grid));
            var middle = projection.Forward(attended).add_(x);
            var local = depthwise.Forward(expand.Forward(norm2.Forward(middle)).view(-1, grid, grid, Hidden));
            return contract.Forward(F.gelu(local).reshape(-1, Hidden)).add_(middle).MoveToOuterDisposeScope();
        }
    }

    /// <summary>The same over the sound: full attention, no convolutions.</summary>
    private sealed class AudioBlock(string prefix, PeerParameters parameters)
    {
        private readonly Norm norm1 = parameters.Norm(prefix + ".norm1", Channels, 1e-5);
        private readonly Linear q = parameters.Linear(prefix + ".attn.q", Channels, Channels);
        private readonly Linear kv = parameters.Linear(prefix + ".attn.kv", 2 * Channels, Channels);
        private readonly Linear projection = parameters.Linear(prefix + ".attn.proj", Channels, Channels);
        private readonly Norm norm2 = parameters.Norm(prefix + ".norm2", Channels, 1e-5);
        private readonly Linear expand = parameters.Linear(prefix + ".mlp.fc1", Hidden, Channels);
        private readonly Linear contract = parameters.Linear(prefix + ".mlp.fc2", Channels, Hidden);

        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var normed = norm1.Forward(x);
            var middle = projection.Forward(HeadAttention(q.Forward(normed), kv.Forward(normed), sequences: 1)).add_(x);
            return contract.Forward(F.gelu(expand.Forward(norm2.Forward(middle)))).add_(middle).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Image and sound read each other, without softmax, all frames and tokens at once.</summary>
    private sealed class Fusion(string prefix, int grid, PeerParameters parameters)
    {
        private const int Inner = 128;

        private readonly Linear align = parameters.Pointwise(prefix + ".align_channel", Channels, Channels, ones: 1);
        private readonly Linear[] frame = [.. "qkv".Select(part => parameters.Pointwise($"{prefix}.{part}_frame", Inner, Channels, ones: 3))];
        private readonly Linear[] sound = [.. "qkv".Select(part => parameters.Pointwise($"{prefix}.{part}_audio", Inner, Channels, ones: 1))];
        private readonly Linear frameOut = parameters.Pointwise(prefix + ".W_z.0", Channels, Inner, ones: 3);
        private readonly BatchNorm frameOutNorm = parameters.BatchNorm(prefix + ".W_z.1", Channels);
        private readonly Linear soundOut = parameters.Pointwise(prefix + ".W_z2.0", Channels, Inner, ones: 1);
        private readonly BatchNorm soundOutNorm = parameters.BatchNorm(prefix + ".W_z2.1", Channels);
        private readonly Norm frameNorm = parameters.Norm(prefix + ".norm_layer", Channels, 1e-5);
        private readonly Norm soundNorm = parameters.Norm(prefix + ".norm_layer2", Channels, 1e-5);

        /// <summary><c>[frames * cells, 256]</c> and <c>[tokens, 256]</c>.</summary>
        public (Tensor Frames, Tensor Sound) Forward(Tensor frames, Tensor audio)
        {
            using var scope = NewDisposeScope();
            var (cells, tokens) = (grid * grid, audio.shape[0]);
            var count = frames.shape[0] / cells;
            var scale = 1.0 / (count * cells);
            var aligned = align.Forward(audio);
            Tensor[] heard = [.. sound.Select(part => part.Forward(aligned))]; // q, k, v: [tokens, 128]
            Tensor[] seen = [.. frame.Select(part => ChannelFirst(frames.view(count, cells, Channels), part))]; // q, k, v: [frames * cells, 128]

            // Image reads sound, transposed from the start: [128, frames * cells], read as [frames, 128, cells].
            var read = mm(heard[2].t(), mm(heard[1] * scale, seen[0].t())).view(count, Inner, cells);
            var residual = frameOut.Forward(read.transpose(1, 2).reshape(-1, Inner)); // [frames * cells, 256]: channels_last as a map
            var residualMap = frameOutNorm.Forward(residual.view(count, grid, grid, Channels).permute(0, 3, 1, 2)).permute(0, 2, 3, 1);

            // Sound reads image: [128, tokens], read as [tokens, 128].
            var answer = mm(mm(heard[0] * scale, seen[1].t()), seen[2]).t().reshape(tokens, Inner);
            var newFrames = frameNorm.Forward(residualMap.reshape(-1, Channels) + frames);
            var newSound = soundNorm.Forward(aligned + soundOutNorm.Forward(soundOut.Forward(answer)));
            return (newFrames.MoveToOuterDisposeScope(), newSound.MoveToOuterDisposeScope());
        }

        /// <summary>A 1x1 convolution with channel-first result, <c>[frames, 128, cells]</c>, read as <c>[frames * cells, 128]</c>.</summary>
        private static Tensor ChannelFirst(Tensor frames, Linear part)
        {
            var (count, cells) = (frames.shape[0], frames.shape[1]);
            var weight = part.Weight.unsqueeze(0).expand(count, Inner, Channels);
            return Products.AddBatched(part.Bias.view(1, Inner, 1), weight, frames.transpose(1, 2)).view(count * cells, Inner);
        }
    }
}
