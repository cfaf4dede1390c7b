using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;
using AuralSam2.Models.Sam2;
using AuralSam2.PostProcessing;
using AuralSam2.Weights;

namespace AuralSam2.Predictors;

/// <summary>
/// Cuts objects that are shown by points, boxes or masks out of pictures, as SAM2's image predictor does (SPEC 2, 3, 7): a picture is
/// encoded once, after which every prompt costs only the decoder.
/// </summary>
/// <remarks>
/// Not thread-safe, as the device serves one caller at a time: a call while another is at work throws
/// <see cref="InvalidOperationException"/>.
/// </remarks>
public sealed class ImagePredictor
{
    /// <summary>Largest magnitude of the logits that an answer gives to the next prompt.</summary>
    private const float EarlierLimit = 32f;

    /// <summary>Logit of a pixel on a given mask; its negative lies outside.</summary>
    private const float CertainLogit = 10f;

    private readonly Sam2Network network;
    private readonly Device device;
    private readonly string weights;
    private readonly Turn turn = new("image predictor");
    private readonly int lowEdge;

    /// <summary>A predictor.</summary>
    /// <param name="model">SAM2; must outlive the predictor and all that it encodes.</param>
    public ImagePredictor(Sam2Model model)
        : this(model.Network, model.Device, model.Weights)
    {
    }

    /// <summary>A predictor with the SAM2 of any model.</summary>
    internal ImagePredictor(Sam2Network network, Device device, string weights)
    {
        (this.network, this.device, this.weights) = (network, device, weights);
        lowEdge = 4 * network.Config.Grid;
    }

    /// <summary>Encodes a picture of any size: the part of the work that prompts share.</summary>
    /// <param name="picture">Resized to the model's square, bilinear with antialiasing, whatever its proportions.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    /// <returns>The picture on the device; dispose it when no more prompts come.</returns>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public EncodedImage Encode(RgbImage picture, CancellationToken cancellation = default) =>
        Encode(picture.Width, picture.Height, input => Place(picture, input), cancellation);

    /// <summary>Answers one prompt.</summary>
    /// <param name="image">A picture that this predictor encoded.</param>
    /// <param name="prompt">What is shown.</param>
    /// <param name="options">What is asked; null offers three masks without logits.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    /// <exception cref="ArgumentException">An empty prompt, a mask of another size, an empty box, a number that is none, something
    /// outside the picture, or a picture of another predictor.</exception>
    /// <exception cref="ObjectDisposedException">The picture was disposed.</exception>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call.</exception>
    /// <exception cref="WeightsException">The weights produce values that are no numbers.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public ImagePrediction Predict(
        EncodedImage image, ImagePrompt prompt, ImagePredictOptions? options = null, CancellationToken cancellation = default) =>
        Predict(image, [prompt], options, cancellation)[0];

    /// <summary>Answers prompts that do not know of each other: several objects of one picture.</summary>
    /// <param name="image">A picture that this predictor encoded.</param>
    /// <param name="prompts">What is shown; all are checked before any is answered.</param>
    /// <param name="options">What is asked; null offers three masks without logits.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    /// <returns>An answer for each prompt, the same as it would have alone.</returns>
    /// <exception cref="ArgumentException">As for one prompt; the message says which it is.</exception>
    /// <exception cref="ObjectDisposedException">The picture was disposed.</exception>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call.</exception>
    /// <exception cref="WeightsException">The weights produce values that are no numbers.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<ImagePrediction> Predict(
        EncodedImage image, IReadOnlyList<ImagePrompt> prompts, ImagePredictOptions? options = null, CancellationToken cancellation = default)
    {
        using var lease = turn.Take();
        image.EnsureOf(this);
        for (var i = 0; i < prompts.Count; i++)
            PromptCheck.Check(prompts[i], prompts.Count == 1 ? "prompt" : $"prompt {i}", image.Width, image.Height, lowEdge);
        options ??= new ImagePredictOptions();
        using var watch = new CancellationWatch(device, cancellation);
        var answers = new ImagePrediction[prompts.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            using var scope = device.Scope();
            answers[i] = Answer(image, Decode(image, prompts[i], options.Multimask), options);
        }

        return answers;
    }

    /// <summary>Encodes an image that comes from anywhere; fixtures bring their own.</summary>
    /// <param name="width">Pixels of one row of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="place">Writes the input <c>[size, size, 3]</c>, normalised.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    internal EncodedImage Encode(int width, int height, Action<Tensor> place, CancellationToken cancellation)
    {
        using var lease = turn.Take();
        using var watch = new CancellationWatch(device, cancellation);
        var size = network.Config.ImageSize;
        var encoded = new EncodedImage(this, turn, device, network.Config.Grid, width, height);
        try
        {
            using var scope = device.Scope();
            var input = device.Rent(size, size, ImageNormalizer.Channels);
            place(input);
            var levels = network.ImageEncoder.Forward(input);
            network.MaskDecoder.HighResolution(levels, encoded.Stride4, encoded.Stride8);
            var features = levels[2].Reshape(encoded.Features.Rows, encoded.Features.Columns);
            network.Condition(features, bank: null, frame: 0, frames: 1, encoded.Features);
            return encoded;
        }
        catch
        {
            encoded.Free();
            throw;
        }
    }

    /// <summary>The masks that the decoder offers for a point on the object and trusts, one after the other; for grids of points.</summary>
    /// <param name="image">A picture that this predictor encoded.</param>
    /// <param name="point">In pixels of the picture.</param>
    /// <param name="multimask">Whether three masks are offered.</param>
    /// <param name="minIou">Masks whose predicted IoU is not above this are left out; 0 takes all.</param>
    /// <param name="logits">Receives a mask, <c>[height, width]</c> of the picture.</param>
    /// <param name="take">Called with the predicted IoU of what <paramref name="logits"/> holds.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    internal void Offer(
        EncodedImage image, VideoPoint point, bool multimask, float minIou, float[] logits, Action<float> take, CancellationToken cancellation)
    {
        using var lease = turn.Take();
        using var watch = new CancellationWatch(device, cancellation);
        using var scope = device.Scope();
        var (chosen, objectLogit) = Decode(image, new ImagePrompt { Points = [point] }, multimask);
        var ious = Scores(chosen, objectLogit).Ious;
        for (var i = 0; i < ious.Length; i++)
        {
            if (minIou > 0 && !(ious[i] > minIou)) continue;
            using var inner = device.Scope();
            device.Download(FullSize(image, chosen.LowMasks.At(i)), logits);
            take(ious[i]);
        }
    }

    /// <summary>Resizes channel by channel: normalising before or after is the same, as weights of a pixel sum to 1.</summary>
    private void Place(RgbImage picture, Tensor input)
    {
        using var scope = device.Scope();
        var edge = input.Shape[0];
        Tensor plane = device.Rent(picture.Height, picture.Width), planes = device.Rent(ImageNormalizer.Channels, edge, edge);
        var values = new float[plane.Length];
        for (var channel = 0; channel < ImageNormalizer.Channels; channel++)
        {
            ImageNormalizer.Plane(picture, channel, values);
            device.Upload(values, plane);
            Resize.Forward(device, plane, planes.At(channel), ResizeMode.BilinearAntialiased);
        }

        Transpose.Forward(device, planes.Reshape(ImageNormalizer.Channels, edge * edge), input.Reshape(edge * edge, ImageNormalizer.Channels));
    }

    private (ChosenMask Chosen, Tensor ObjectLogit) Decode(EncodedImage image, ImagePrompt prompt, bool multimask)
    {
        var source = device.Rent(image.Features.Rows, image.Features.Columns);
        network.PromptEncoder.AddDense(image.Features, Dense(image, prompt), source);
        var points = InputPoints.Of(prompt.Points, prompt.Box, network.Config.ImageSize, image.Width, image.Height);
        var sparse = points.Length > 0 ? network.PromptEncoder.Sparse(points) : default;
        var decoded = network.MaskDecoder.Forward(source, network.PromptEncoder.DensePositions, sparse, image.Stride4, image.Stride8);
        // Other than in a video, an object that the decoder does not believe in keeps its masks.
        return (network.Heads.Choose(decoded, SelectionOptions.Official(multimask) with { MaskAbsentObjects = false }), decoded.ObjectLogit);
    }

    /// <summary>The mask of a prompt as logits <c>[4 grid, 4 grid]</c>; empty where it has none.</summary>
    private Tensor Dense(EncodedImage image, ImagePrompt prompt)
    {
        if (prompt.Earlier is null && prompt.Mask is null) return default;
        var logits = device.Rent(lowEdge, lowEdge);
        if (prompt.Earlier is { } earlier)
        {
            device.Upload(earlier, logits);
            return logits;
        }

        using var scope = device.Scope();
        var given = device.Rent(image.Height, image.Width);
        device.Upload(Array.ConvertAll(prompt.Mask!, pixel => pixel != 0 ? CertainLogit : -CertainLogit), given);
        Resize.Forward(device, given, logits, ResizeMode.BilinearAntialiased);
        return logits;
    }

    private ImagePrediction Answer(EncodedImage image, (ChosenMask Chosen, Tensor ObjectLogit) decoded, ImagePredictOptions options)
    {
        var (ious, objectLogit) = Scores(decoded.Chosen, decoded.ObjectLogit);
        var masks = new ImageMask[ious.Length];
        for (var i = 0; i < masks.Length; i++)
        {
            using var scope = device.Scope();
            var low = decoded.Chosen.LowMasks.At(i);
            var logits = device.Download(FullSize(image, low));
            var mask = new byte[logits.Length];
            MaskThreshold.Above(logits, 0, mask);
            var earlier = device.Download(low);
            for (var p = 0; p < earlier.Length; p++) earlier[p] = Math.Clamp(earlier[p], -EarlierLimit, EarlierLimit);
            masks[i] = new ImageMask(mask, ious[i], earlier, options.Logits ? logits : null);
        }

        return new ImagePrediction(masks, objectLogit);
    }

    private (float[] Ious, float ObjectLogit) Scores(in ChosenMask chosen, Tensor objectLogit)
    {
        var (ious, logit) = (device.Download(chosen.Ious), device.Download(objectLogit)[0]);
        return float.IsFinite(logit) && Array.TrueForAll(ious, float.IsFinite)
            ? (ious, logit)
            : throw new WeightsException($"{weights}: the masks come out as not a number; the weights are damaged, or not those of this model");
    }

    /// <summary>Logits at the size of the picture, <c>[height, width]</c>, rented in the caller's scope.</summary>
    private Tensor FullSize(EncodedImage image, Tensor lowMask)
    {
        var full = device.Rent(image.Height, image.Width);
        Resize.Forward(device, lowMask, full, ResizeMode.Bilinear);
        return full;
    }
}
