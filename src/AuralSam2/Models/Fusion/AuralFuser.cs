using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;
using AuralSam2.Models.Audio;

namespace AuralSam2.Models.Fusion;

/// <summary>
/// Sound prompts for every level of the pyramid (SPEC 10; AuralSAM2, arXiv 2506.01015): image features and sound pass transformers of
/// their own, meet in a fusion module, and go on to the next level.
/// </summary>
internal sealed class AuralFuser
{
    /// <summary>Channels of both streams.</summary>
    public const int Channels = 256;

    /// <summary>Levels of the pyramid, finest first: strides 4, 8 and 16.</summary>
    public const int Levels = 3;

    /// <summary>Vectors of a sentence, padding included.</summary>
    public const int TextTokens = 25;

    /// <summary>Channels of a text vector.</summary>
    public const int TextChannels = 768;

    private const string Path = "aural_fuser";

    private readonly Device device;
    private readonly FuserConfig config;
    private readonly ConvWeights[] patchEmbeds;
    private readonly PackedMatrix[] smooth;
    private readonly FrameBlock[][] frameBlocks;
    private readonly AudioBlock[][] audioBlocks;
    private readonly FusionModule[] fusions;
    private readonly ProjectionHeads heads;
    private readonly PackedMatrix? textExpand;
    private readonly PackedMatrix? textContract;
    private readonly Tensor audioPosition;
    private readonly Tensor imagePositions;

    /// <summary>Reads the fuser and its VGGish.</summary>
    /// <param name="config">Shape.</param>
    /// <param name="grid">Cells of an edge of the stride-16 map.</param>
    /// <param name="binder">Parameters.</param>
    public AuralFuser(FuserConfig config, int grid, ParameterBinder binder)
    {
        this.config = config;
        device = binder.Device;
        Grid = grid;
        Vggish = new Vggish(binder, Path + ".vgg");
        patchEmbeds = new ConvWeights[Levels];
        for (var i = 0; i < Levels; i++)
            patchEmbeds[i] = binder.Convolution($"{Path}.patch_embeds.{i}", Channels, Channels, 4 >> i, 4 >> i, padding: 0);
        frameBlocks =
        [
            .. config.FrameDepths.Select((depth, level) =>
                Enumerable.Range(0, depth).Select(i => new FrameBlock(binder, $"{Path}.f_blocks.{level}.{i}")).ToArray()),
        ];
        audioBlocks =
        [
            .. Enumerable.Range(0, Levels).Select(level =>
                Enumerable.Range(0, config.AudioDepth).Select(i => new AudioBlock(binder, $"{Path}.a_blocks.{level}.{i}")).ToArray()),
        ];
        fusions = [.. Enumerable.Range(0, Levels).Select(level => new FusionModule(binder, $"{Path}.fusion_modules.{level}"))];
        smooth = [.. Enumerable.Range(0, Levels - 1).Select(i => binder.Pointwise($"{Path}.smooth_convs.{i}", Channels, Channels))];
        heads = new ProjectionHeads(config.Variant, binder, Path);
        if (config.Variant == FuserVariant.Ref)
        {
            textExpand = binder.Linear(Path + ".text_proj.0", 4 * Channels, TextChannels);
            textContract = binder.Linear(Path + ".text_proj.2", Channels, 4 * Channels);
        }

        if (binder.Declaring) return;
        // Every audio token gets the encoding of position 0: sin 0, cos 0, sin 0, ...
        audioPosition = binder.Upload([.. Enumerable.Range(0, Channels).Select(i => (float)(i % 2))], Channels);
        imagePositions = binder.Upload(PositionEncoding.Sine2D(grid, grid, Channels), grid * grid, Channels);
    }

    /// <summary>Cells of an edge of all fused maps.</summary>
    public int Grid { get; }

    /// <summary>The sound encoder.</summary>
    public Vggish Vggish { get; }

    /// <summary>Audio tokens for a number of frames: one each, and the words of a sentence.</summary>
    public int AudioTokens(int frames) => frames + (config.Variant == FuserVariant.Ref ? TextTokens : 0);

    /// <summary>
    /// Audio tokens that are contrasted with a number of frames: one each; with a sentence the first ten, as the published code has it, of
    /// which the frames' own are used.
    /// </summary>
    public int ContrastedTokens(int frames) => config.Variant == FuserVariant.Avs ? frames : Math.Min(10, AudioTokens(frames));

    /// <summary>Brings one level of one frame to the common grid.</summary>
    /// <param name="level">0 to 2, finest first.</param>
    /// <param name="map">The pyramid's map, <c>[h, w, 256]</c>, before the decoder's own convolutions.</param>
    /// <param name="y"><c>[grid, grid, 256]</c>.</param>
    public void PatchEmbed(int level, Tensor map, Tensor y)
    {
        using var module = device.Module(Path + ".patch_embeds");
        Conv2d.Forward(device, map, patchEmbeds[level], y);
    }

    /// <summary>Makes the audio tokens.</summary>
    /// <param name="examples"><c>[frames, 2, 96, 64]</c>: log-mel of both channels.</param>
    /// <param name="text"><c>[25, 768]</c> (Ref), or empty.</param>
    /// <param name="y"><c>[audio tokens, 256]</c>.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <exception cref="ArgumentException">Text and variant do not belong together.</exception>
    public void Listen(Tensor examples, Tensor text, Tensor y, StageObserver? observe = null)
    {
        if (text.IsEmpty != (config.Variant == FuserVariant.Avs))
            throw new ArgumentException(text.IsEmpty ? "Ref weights need text features" : "AVS weights take no text");
        using var module = device.Module(Path);
        using var scope = device.Scope();
        var frames = examples.Shape[0];
        var embeddings = device.Rent(2 * frames, Vggish.EmbeddingChannels);
        Vggish.Forward(examples.Reshape(2 * frames, examples.Shape[2], examples.Shape[3], 1), embeddings);
        device.Copy(embeddings.Reshape(frames, Channels), y.Slice(0, frames)); // left and right side by side
        observe?.Invoke("fuser.vgg_cat", y.Slice(0, frames));
        if (text.IsEmpty) return;
        var hidden = device.Rent(TextTokens, 4 * Channels);
        Gemm.Forward(device, text, textExpand!, hidden, new GemmFusion { Activation = Activation.Gelu });
        Gemm.Forward(device, hidden, textContract!, y.Slice(frames, TextTokens));
        observe?.Invoke("fuser.audio_text_tokens", y);
    }

    /// <summary>Fuses all frames of a window with the sound.</summary>
    /// <param name="maps">Per level <c>[frames, grid * grid, 256]</c> from <see cref="PatchEmbed"/>; they become the fused maps.</param>
    /// <param name="audio"><c>[audio tokens, 256]</c> from <see cref="Listen"/>; overwritten.</param>
    /// <param name="fusedAudio">Per level <c>[audio tokens, 256]</c>: results.</param>
    /// <param name="residuals">Per level <c>[frames, grid * grid, 256]</c>: receive what fusion added to the maps; or none.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <param name="fused">Sees each level, its maps and its audio tokens, when it is fused and before anything else reads it.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public void Forward(
        ReadOnlySpan<Tensor> maps, Tensor audio, ReadOnlySpan<Tensor> fusedAudio, ReadOnlySpan<Tensor> residuals = default,
        StageObserver? observe = null, Action<int, Tensor, Tensor>? fused = null, CancellationToken cancellation = default)
    {
        using var module = device.Module(Path);
        using var scope = device.Scope();
        var frames = maps[0].Shape[0];
        for (var level = 0; level < Levels; level++)
        {
            var x = maps[level];
            observe?.Invoke($"fuser.l{level}.patch", x.Reshape(frames, Grid, Grid, Channels), StageLayout.Map);
            if (level > 0) Smooth(level, x, maps[level - 1], observe);
            Elementwise.Add(device, x, imagePositions, x);
            Elementwise.Add(device, audio, audioPosition, audio);
            for (var b = 0; b < frameBlocks[level].Length; b++)
            {
                for (var t = 0; t < frames; t++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    frameBlocks[level][b].Forward(x.At(t).Reshape(Grid, Grid, Channels));
                }

                observe?.Invoke($"fuser.l{level}.f{b}", x);
            }

            for (var b = 0; b < audioBlocks[level].Length; b++)
            {
                audioBlocks[level][b].Forward(audio);
                observe?.Invoke($"fuser.l{level}.a{b}", audio);
            }

            Elementwise.Add(device, x, imagePositions, x);
            Elementwise.Add(device, audio, audioPosition, audio);
            using var levelScope = device.Scope();
            var residual = !residuals.IsEmpty ? residuals[level] : observe is null ? default : device.Rent(frames, x.Shape[1], Channels);
            fusions[level].Forward(x, audio, level, observe, residual);
            fused?.Invoke(level, x, audio);
            device.Copy(audio, fusedAudio[level]);
            if (observe is null) continue;
            heads.Observe(x, residual, audio, level, observe);
            observe($"out.feat.{level}", x);
            observe($"out.audio.{level}", audio);
        }
    }

    /// <summary>Projects a fused level into the space where image and sound are contrasted; see <see cref="ProjectionHeads"/>.</summary>
    /// <param name="map">The level of <see cref="Forward"/>, <c>[frames, grid * grid, 256]</c>.</param>
    /// <param name="residual">What fusion added to it; read by Ref weights only.</param>
    /// <param name="audio"><c>[audio tokens, 256]</c>, the level's.</param>
    /// <param name="seen"><c>[frames, grid * grid, 128]</c>.</param>
    /// <param name="heard"><c>[<see cref="ContrastedTokens"/>, 128]</c>.</param>
    public void Project(Tensor map, Tensor residual, Tensor audio, Tensor seen, Tensor heard)
    {
        using var module = device.Module(Path);
        heads.Forward(map, residual, audio, seen, heard);
    }

    /// <summary>x = 1x1 convolution of x + the level before; nothing of x goes past it.</summary>
    private void Smooth(int level, Tensor x, Tensor before, StageObserver? observe)
    {
        using var module = device.Module(Path + ".smooth_convs");
        using var scope = device.Scope();
        var sum = device.Rent(x.Shape[1], Channels);
        for (var t = 0; t < x.Shape[0]; t++)
        {
            Elementwise.Add(device, x.At(t), before.At(t), sum);
            Gemm.Forward(device, sum, smooth[level - 1], x.At(t));
        }

        observe?.Invoke($"fuser.l{level}.smooth", x);
    }
}
