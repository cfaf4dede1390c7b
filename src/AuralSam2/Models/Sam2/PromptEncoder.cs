using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;

namespace AuralSam2.Models.Sam2;

/// <summary>What a point says about the object.</summary>
internal enum PointLabel
{
    /// <summary>No point: fills a sequence up.</summary>
    Padding = -1,

    /// <summary>Outside the object.</summary>
    Negative = 0,

    /// <summary>On the object.</summary>
    Positive = 1,

    /// <summary>Top left corner of its box.</summary>
    BoxTopLeft = 2,

    /// <summary>Bottom right corner of its box.</summary>
    BoxBottomRight = 3,
}

/// <summary>A prompt point, in pixels of the model's input.</summary>
internal readonly record struct PromptPoint(float X, float Y, PointLabel Label);

/// <summary>Points, boxes and masks become tokens and a dense map (SPEC 2).</summary>
internal sealed class PromptEncoder
{
    /// <summary>Channels of every token.</summary>
    public const int Channels = 256;

    private const string Path = "sam_prompt_encoder";

    private readonly Device device;
    private readonly int imageSize;
    private readonly float[] gaussian;
    private readonly float[][] points;
    private readonly float[] notAPoint;
    private readonly Tensor noMask;
    private readonly ConvWeights maskDown1;
    private readonly NormWeights maskNorm1;
    private readonly ConvWeights maskDown2;
    private readonly NormWeights maskNorm2;
    private readonly PackedMatrix maskOut;

    public PromptEncoder(Sam2Config config, ParameterBinder binder)
    {
        device = binder.Device;
        imageSize = config.ImageSize;
        Grid = config.Grid;
        gaussian = binder.Host(Path + ".pe_layer.positional_encoding_gaussian_matrix", 2, Channels / 2);
        points = [.. Enumerable.Range(0, 4).Select(i => binder.Host($"{Path}.point_embeddings.{i}.weight", 1, Channels))];
        notAPoint = binder.Host(Path + ".not_a_point_embed.weight", 1, Channels);
        maskDown1 = binder.Convolution(Path + ".mask_downscaling.0", 4, 1, kernel: 2, stride: 2, padding: 0);
        maskNorm1 = binder.Norm(Path + ".mask_downscaling.1", 4, 1e-6f);
        maskDown2 = binder.Convolution(Path + ".mask_downscaling.3", 16, 4, kernel: 2, stride: 2, padding: 0);
        maskNorm2 = binder.Norm(Path + ".mask_downscaling.4", 16, 1e-6f);
        maskOut = binder.Pointwise(Path + ".mask_downscaling.6", Channels, 16);
        noMask = binder.Tensor(Path + ".no_mask_embed.weight", Channels);
        if (!binder.Declaring) DensePositions = binder.Upload(PositionEncoding.FourierGrid(Grid, gaussian), Grid * Grid, Channels);
    }

    /// <summary>Cells of an edge of the image embedding.</summary>
    public int Grid { get; }

    /// <summary>Position of every cell of the image embedding, <c>[grid * grid, 256]</c>.</summary>
    public Tensor DensePositions { get; }

    /// <summary>The random matrix of the point encoding, <c>[2, 128]</c>.</summary>
    public ReadOnlySpan<float> Gaussian => gaussian;

    /// <summary>Learned vector of a point label.</summary>
    public ReadOnlySpan<float> LabelEmbedding(PointLabel label) => label == PointLabel.Padding ? notAPoint : points[(int)label];

    /// <summary>Tokens of points; a padding point is appended, as for every prompt without a box argument.</summary>
    /// <param name="prompts">Points; a box is its two corners, placed first.</param>
    /// <param name="pad">Whether the padding point is appended.</param>
    /// <returns><c>[points (+ 1), 256]</c>, rented in the caller's scope.</returns>
    public Tensor Sparse(ReadOnlySpan<PromptPoint> prompts, bool pad = true)
    {
        using var module = device.Module(Path);
        var count = prompts.Length + (pad ? 1 : 0);
        var tokens = new float[count * Channels];
        for (var i = 0; i < count; i++)
        {
            var label = i < prompts.Length ? prompts[i].Label : PointLabel.Padding;
            var token = tokens.AsSpan(i * Channels, Channels);
            if (label != PointLabel.Padding)
                PositionEncoding.Fourier([(prompts[i].X + 0.5f) / imageSize, (prompts[i].Y + 0.5f) / imageSize], gaussian).CopyTo(token);
            var learned = LabelEmbedding(label);
            for (var c = 0; c < Channels; c++) token[c] += learned[c];
        }

        var tensor = device.Rent(count, Channels);
        device.Upload(tokens, tensor);
        return tensor;
    }

    /// <summary>Adds the dense prompt of a mask to the image embedding.</summary>
    /// <param name="image"><c>[grid * grid, 256]</c>.</param>
    /// <param name="mask">Logits <c>[4 grid, 4 grid]</c>, or empty: the learned vector for no mask.</param>
    /// <param name="y"><c>[grid * grid, 256]</c>.</param>
    public void AddDense(Tensor image, Tensor mask, Tensor y)
    {
        using var module = device.Module(Path);
        if (mask.IsEmpty)
        {
            Elementwise.Add(device, image, noMask, y);
            return;
        }

        using var scope = device.Scope();
        Tensor half = device.Rent(2 * Grid, 2 * Grid, 4), quarter = device.Rent(Grid, Grid, 16);
        Conv2d.Forward(device, mask.Reshape(4 * Grid, 4 * Grid, 1), maskDown1, half);
        LayerNorm.Forward(device, half, maskNorm1, half, activation: Activation.Gelu);
        Conv2d.Forward(device, half, maskDown2, quarter);
        LayerNorm.Forward(device, quarter, maskNorm2, quarter, activation: Activation.Gelu);
        Gemm.Forward(device, quarter, maskOut, y, new GemmFusion { Residual = image });
    }

    /// <summary>The dense prompt alone, as fixtures store it.</summary>
    public void Dense(Tensor mask, Tensor y)
    {
        using var scope = device.Scope();
        var zero = device.Rent(Grid * Grid, Channels);
        device.Fill(zero, 0);
        AddDense(zero, mask, y);
    }
}
