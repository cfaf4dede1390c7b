using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Training;
using AuralSam2.Weights;

namespace AuralSam2.Models;

/// <summary>
/// What a module's constructor asks for its parameters: it reads them by their official names, lays them out for the device, and owns them.
/// </summary>
/// <remarks>
/// A model is constructed twice with the same code: first with a reader that only declares, so that everything missing or misshapen is
/// reported at once before a byte is read, then for real. While declaring, all results are empty: constructors must not look into them.
/// <para>
/// Parameters that are learned keep their values as tensors in the order of the state dict, from which ops lay out what they read; a frozen
/// one is laid out once and its values are gone.
/// </para>
/// </remarks>
/// <param name="device">Where the parameters go.</param>
/// <param name="reader">Where they come from.</param>
/// <param name="isLearned">Tells by a parameter's official name whether it is learned; null: none is.</param>
internal sealed class ParameterBinder(Device device, WeightReader reader, Func<string, bool>? isLearned = null) : IDisposable
{
    private readonly List<IDisposable> owned = [];
    private readonly List<TrainedParameter> learned = [];
    private readonly List<NamedTensor> statistics = [];
    private readonly List<ITrainable> layouts = [];

    /// <summary>Where the parameters go.</summary>
    public Device Device => device;

    /// <summary>True on the pass that only collects names and shapes.</summary>
    public bool Declaring => reader.Declaring;

    /// <summary>Parameters that are learned, in the order in which they were asked for.</summary>
    public IReadOnlyList<TrainedParameter> Learned => learned;

    /// <summary>Running statistics beside learned parameters, and what the state dict holds beside them without a use.</summary>
    public IReadOnlyList<NamedTensor> Statistics => statistics;

    /// <summary>What is laid out from learned parameters, to be refreshed when these have changed.</summary>
    public IReadOnlyList<ITrainable> Layouts => layouts;

    /// <summary>A raw tensor on the host, for tables that are made from it.</summary>
    public float[] Host(string name, params ReadOnlySpan<int> shape) => reader.Read(name, shape);

    /// <summary>A parameter that the state dict holds and inference never reads.</summary>
    public void Unused(string name, params ReadOnlySpan<int> shape)
    {
        reader.Unused(name, shape);
        // A state dict that is written again must hold it too.
        if (Declaring || !IsLearned(name)) return;
        var values = Host(name, shape);
        statistics.Add(new NamedTensor(name, Upload(values, values.Length), shape.ToArray()));
    }

    /// <summary>A weight and bias that the state dict holds and inference never reads.</summary>
    public void UnusedPair(string prefix, params ReadOnlySpan<int> shape)
    {
        Unused(prefix + ".weight", shape);
        Unused(prefix + ".bias", shape[0]);
    }

    /// <summary>A tensor, row-major as stored.</summary>
    public Tensor Tensor(string name, params ReadOnlySpan<int> shape) => Parameter(name, decays: true, shape);

    /// <summary>Host values as a tensor that lives as long as the model.</summary>
    public Tensor Upload(float[] values, params ReadOnlySpan<int> shape)
    {
        if (Declaring) return default;
        var tensor = Own(device.Allocate(values.Length)).View(shape);
        device.Upload(values, tensor);
        return tensor;
    }

    /// <summary>A linear layer <c>[outputs, inputs]</c> with bias.</summary>
    public PackedMatrix Linear(string prefix, int outputs, int inputs) => Matrix(prefix, outputs, inputs, [outputs, inputs]);

    /// <summary>
    /// A 1x1 convolution, which is a linear layer on channel-last activations. <paramref name="ones"/>: trailing kernel dimensions in the
    /// checkpoint.
    /// </summary>
    public PackedMatrix Pointwise(string prefix, int outputs, int inputs, int ones = 2) =>
        Matrix(prefix, outputs, inputs, [outputs, inputs, .. Enumerable.Repeat(1, ones)]);

    /// <summary>
    /// Several linear layers (or 1x1 convolutions, with <paramref name="ones"/> trailing dimensions) of one input as one matrix, their
    /// outputs side by side.
    /// </summary>
    public PackedMatrix Linears(ReadOnlySpan<string> prefixes, int outputsEach, int inputs, int ones = 0)
    {
        var weight = new List<float>();
        var bias = new List<float>();
        int[] shape = [outputsEach, inputs, .. Enumerable.Repeat(1, ones)];
        foreach (var prefix in prefixes)
        {
            weight.AddRange(Host(prefix + ".weight", shape));
            bias.AddRange(Host(prefix + ".bias", outputsEach));
        }

        if (Declaring) return null!;
        if (!IsLearned(prefixes[0])) return Own(Gemm.Pack(device, weight.ToArray(), bias.Count, bias.ToArray()));
        Tensor weights = Upload([.. weight], bias.Count, inputs), biases = Upload([.. bias], bias.Count, 1);
        for (var i = 0; i < prefixes.Length; i++)
        {
            Learn(prefixes[i] + ".weight", weights.Slice(i * outputsEach, outputsEach), shape, decays: true);
            Learn(prefixes[i] + ".bias", biases.Slice(i * outputsEach, outputsEach), [outputsEach], decays: true);
        }

        return Layout(Gemm.Pack(device, weights, biases.Reshape(bias.Count)));
    }

    /// <summary>A 1x1 convolution followed by batch norm; folded into one matrix when frozen.</summary>
    /// <param name="convolution">Prefix of the convolution.</param>
    /// <param name="batchNorm">Prefix of the batch norm, eps 1e-5.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="ones">Trailing kernel dimensions in the checkpoint.</param>
    public PointwiseBatchNorm PointwiseBatchNorm(string convolution, string batchNorm, int outputs, int inputs, int ones)
    {
        const float epsilon = 1e-5f, momentum = 0.1f;
        if (!Declaring && IsLearned(convolution))
        {
            var matrix = Pointwise(convolution, outputs, inputs, ones);
            var affine = Norm(batchNorm, outputs, epsilon);
            Tensor means = Statistic(batchNorm + ".running_mean", outputs), variances = Statistic(batchNorm + ".running_var", outputs);
            return new PointwiseBatchNorm(matrix, new BatchNormWeights(affine.Weight, affine.Bias, means, variances, epsilon, momentum));
        }

        var weight = Host(convolution + ".weight", [outputs, inputs, .. Enumerable.Repeat(1, ones)]);
        var bias = Host(convolution + ".bias", outputs);
        float[] gamma = Host(batchNorm + ".weight", outputs), beta = Host(batchNorm + ".bias", outputs);
        float[] mean = Host(batchNorm + ".running_mean", outputs), variance = Host(batchNorm + ".running_var", outputs);
        if (Declaring) return null!;
        for (var o = 0; o < outputs; o++)
        {
            var scale = gamma[o] / Math.Sqrt(variance[o] + (double)epsilon);
            for (var i = 0; i < inputs; i++) weight[(o * inputs) + i] = (float)(weight[(o * inputs) + i] * scale);
            bias[o] = (float)(((bias[o] - mean[o]) * scale) + beta[o]);
        }

        return new PointwiseBatchNorm(Own(Gemm.Pack(device, weight, outputs, bias)), Norm: null);
    }

    /// <summary>A convolution <c>[outputs, channels, kernel, kernel]</c> with bias.</summary>
    public ConvWeights Convolution(string prefix, int outputs, int channels, int kernel, int stride, int padding)
    {
        if (!Declaring && IsLearned(prefix))
        {
            Tensor weights = Parameter(prefix + ".weight", decays: true, outputs, channels, kernel, kernel), biases = Parameter(prefix + ".bias", decays: true, outputs);
            return Layout(Conv2d.Pack(device, weights, biases, stride, padding));
        }

        var weight = Host(prefix + ".weight", outputs, channels, kernel, kernel);
        var bias = Host(prefix + ".bias", outputs);
        return Declaring ? null! : Own(Conv2d.Pack(device, weight, outputs, bias, kernel, stride, padding));
    }

    /// <summary>A depthwise convolution <c>[channels, 1, kernel, kernel]</c> with bias.</summary>
    public DepthwiseWeights Depthwise(string prefix, int channels, int kernel)
    {
        if (!Declaring && IsLearned(prefix))
        {
            Tensor weights = Parameter(prefix + ".weight", decays: true, channels, 1, kernel, kernel), biases = Parameter(prefix + ".bias", decays: true, channels);
            return Layout(DepthwiseConv2d.Pack(device, weights, biases));
        }

        var weight = Host(prefix + ".weight", channels, 1, kernel, kernel);
        var bias = Host(prefix + ".bias", channels);
        return Declaring ? null! : Own(DepthwiseConv2d.Pack(device, weight, bias));
    }

    /// <summary>A 2x2 stride-2 transposed convolution <c>[channels, outputs, 2, 2]</c> with bias.</summary>
    public ConvTransposeWeights ConvolutionTransposed(string prefix, int channels, int outputs)
    {
        var weight = Host(prefix + ".weight", channels, outputs, 2, 2);
        var bias = Host(prefix + ".bias", outputs);
        return Declaring ? null! : Own(ConvTranspose2x2.Pack(device, weight, channels, bias));
    }

    /// <summary>A layer norm.</summary>
    public NormWeights Norm(string prefix, int channels, float epsilon) =>
        new(Parameter(prefix + ".weight", decays: false, channels), Parameter(prefix + ".bias", decays: false, channels), epsilon);

    /// <summary>Takes ownership.</summary>
    public T Own<T>(T disposable)
        where T : IDisposable
    {
        owned.Add(disposable);
        return disposable;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var item in owned) item.Dispose();
        owned.Clear();
    }

    private bool IsLearned(string name) => isLearned?.Invoke(name) == true;

    private Tensor Parameter(string name, bool decays, params ReadOnlySpan<int> shape)
    {
        var tensor = Upload(Host(name, shape), shape);
        if (!Declaring && IsLearned(name)) Learn(name, tensor, shape, decays);
        return tensor;
    }

    private Tensor Statistic(string name, int length)
    {
        var tensor = Upload(Host(name, length), length);
        statistics.Add(new NamedTensor(name, tensor, [length]));
        return tensor;
    }

    private void Learn(string name, Tensor value, ReadOnlySpan<int> shape, bool decays) =>
        learned.Add(new TrainedParameter(name, value, shape.ToArray(), decays, ParameterGroups.RateFactor(name)));

    private T Layout<T>(T layout)
        where T : ITrainable, IDisposable
    {
        layouts.Add(layout);
        return Own(layout);
    }

    private PackedMatrix Matrix(string prefix, int outputs, int inputs, ReadOnlySpan<int> shape)
    {
        if (!Declaring && IsLearned(prefix))
        {
            var learnedWeight = Upload(Host(prefix + ".weight", shape), outputs, inputs);
            Learn(prefix + ".weight", learnedWeight, shape, decays: true);
            return Layout(Gemm.Pack(device, learnedWeight, Parameter(prefix + ".bias", decays: true, outputs)));
        }

        using var weight = reader.Lend(prefix + ".weight", shape);
        var bias = Host(prefix + ".bias", outputs);
        return Declaring ? null! : Own(Gemm.Pack(device, weight.Values, outputs, bias));
    }
}
