using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>
/// The image encoder's trunk: a hierarchical vision transformer whose stages halve the image and double the channels (SPEC 1.1;
/// Hiera, Ryali et al. 2023).
/// </summary>
internal sealed class Hiera
{
    private readonly HieraConfig config;
    private readonly Device device;
    private readonly string path;
    private readonly string patchPath;
    private readonly Tensor positions;
    private readonly ConvWeights patchEmbed;
    private readonly HieraBlock[] blocks;

    /// <summary>Reads the trunk.</summary>
    /// <param name="config">Shape of the trunk.</param>
    /// <param name="imageSize">Edge of the input in pixels.</param>
    /// <param name="binder">Parameters.</param>
    /// <param name="prefix">Name of the trunk.</param>
    public Hiera(HieraConfig config, int imageSize, ParameterBinder binder, string prefix)
    {
        this.config = config;
        (path, patchPath) = (prefix, prefix + ".patch_embed");
        device = binder.Device;
        positions = Positions(imageSize / 4, binder, prefix);
        patchEmbed = binder.Convolution(prefix + ".patch_embed.proj", config.EmbedDim, 3, kernel: 7, stride: 4, padding: 3);

        var all = new List<HieraBlock>();
        for (var stage = 0; stage < config.Blocks.Length; stage++)
        {
            for (var i = 0; i < config.Blocks[stage]; i++)
            {
                var index = all.Count;
                var first = i == 0 && stage > 0;
                // The window lags by one block: the block that pools still uses the windows of the stage before.
                var edge = config.GlobalBlocks.Contains(index) ? 0 : config.Windows[first ? stage - 1 : stage];
                all.Add(new HieraBlock(
                    binder, $"{prefix}.blocks.{index}",
                    config.Channels(first ? stage - 1 : stage), config.Channels(stage), config.Heads << stage, edge, first));
            }
        }

        blocks = [.. all];
    }

    /// <summary>Encodes one image.</summary>
    /// <param name="image"><c>[size, size, 3]</c>, normalised.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    /// <returns>The map after each stage, <c>[size / 4, size / 4, channels]</c> and half, double each; rented in the caller's scope.</returns>
    public Tensor[] Forward(Tensor image, StageObserver? observe = null, CancellationToken cancellation = default)
    {
        using var module = device.Module(path);
        var grid = image.Shape[0] / 4;
        var outputs = new Tensor[config.Blocks.Length];
        for (var stage = 0; stage < outputs.Length; stage++) outputs[stage] = device.Rent(grid >> stage, grid >> stage, config.Channels(stage));

        using var scope = device.Scope();
        observe?.Invoke("trunk.pos_embed_interp", positions);
        if (observe is not null)
        {
            Conv2d.Forward(device, image, patchEmbed, outputs[0]);
            observe("trunk.patch_embed.proj", outputs[0], StageLayout.Map);
            observe("trunk.patch_embed", outputs[0]);
        }

        using (device.Module(patchPath)) Conv2d.Forward(device, image, patchEmbed, outputs[0], residual: positions);
        var index = 0;
        for (var stage = 0; stage < outputs.Length; stage++)
        {
            for (var i = 0; i < config.Blocks[stage]; i++, index++)
            {
                cancellation.ThrowIfCancellationRequested();
                var input = i == 0 && stage > 0 ? outputs[stage - 1] : outputs[stage];
                blocks[index].Forward(input, outputs[stage], $"trunk.blocks.{index}", observe);
                observe?.Invoke($"trunk.blocks.{index}", outputs[stage]);
            }

            observe?.Invoke($"trunk.stage_out.{stage}", outputs[stage], StageLayout.Map);
        }

        return outputs;
    }

    /// <summary>The background table, enlarged, plus the window table, tiled: <c>[grid, grid, channels]</c>.</summary>
    private Tensor Positions(int grid, ParameterBinder binder, string prefix)
    {
        var (channels, stored, edge) = (config.EmbedDim, config.PositionEdge, config.Windows[0]);
        float[] background = binder.Host(prefix + ".pos_embed", 1, channels, stored, stored),
            window = binder.Host(prefix + ".pos_embed_window", 1, channels, edge, edge);
        if (binder.Declaring) return default;
        using var scope = device.Scope();
        Tensor small = device.Rent(channels, stored, stored), large = device.Rent(channels, grid, grid);
        device.Upload(background, small);
        Resize.Forward(device, small, large, ResizeMode.Bicubic);
        var planes = device.Download(large);
        var table = new float[planes.Length];
        for (var y = 0; y < grid; y++)
            for (var x = 0; x < grid; x++)
                for (var c = 0; c < channels; c++)
                    table[(((y * grid) + x) * channels) + c] =
                        planes[(((c * grid) + y) * grid) + x] + window[(((c * edge) + (y % edge)) * edge) + (x % edge)];
        return binder.Upload(table, grid, grid, channels);
    }
}
