using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Weights;

namespace AuralSam2.Models;

/// <summary>
/// What a module's constructor asks for its parameters: it reads them by their official names, lays them out for the device, and owns them.
/// </summary>
/// <remarks>
/// A model is constructed twice with the same code: first with a reader that only declares, so that everything missing or misshapen is
/// reported at once before a byte is read, then for real. While declaring, all results are empty: constructors must not look into them.
/// </remarks>
internal sealed class ParameterBinder(Device device, WeightReader reader) : IDisposable
{
    private readonly List<IDisposable> owned = [];

    /// <summary>Where the parameters go.</summary>
    public Device Device => device;

    /// <summary>True on the pass that only collects names and shapes.</summary>
    public bool Declaring => reader.Declaring;

    /// <summary>A raw tensor on the host, for tables that are made from it.</summary>
    public float[] Host(string name, params ReadOnlySpan<int> shape) => reader.Read(name, shape);

    /// <summary>A parameter that the state dict holds and inference never reads.</summary>
    public void Unused(string name, params ReadOnlySpan<int> shape) => reader.Unused(name, shape);

    /// <summary>A weight and bias that the state dict holds and inference never reads.</summary>
    public void UnusedPair(string prefix, params ReadOnlySpan<int> shape)
    {
        reader.Unused(prefix + ".weight", shape);
        reader.Unused(prefix + ".bias", shape[0]);
    }

    /// <summary>A tensor, row-major as stored.</summary>
    public Tensor Tensor(string name, params ReadOnlySpan<int> shape) => Upload(Host(name, shape), shape);

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
        foreach (var prefix in prefixes)
        {
            weight.AddRange(Host(prefix + ".weight", [outputsEach, inputs, .. Enumerable.Repeat(1, ones)]));
            bias.AddRange(Host(prefix + ".bias", outputsEach));
        }

        return Declaring ? null! : Own(Gemm.Pack(device, weight.ToArray(), bias.Count, bias.ToArray()));
    }

    /// <summary>A 1x1 convolution followed by batch norm with running statistics, folded into one matrix.</summary>
    /// <param name="convolution">Prefix of the convolution.</param>
    /// <param name="batchNorm">Prefix of the batch norm, eps 1e-5.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="ones">Trailing kernel dimensions in the checkpoint.</param>
    public PackedMatrix PointwiseBatchNorm(string convolution, string batchNorm, int outputs, int inputs, int ones)
    {
        var weight = Host(convolution + ".weight", [outputs, inputs, .. Enumerable.Repeat(1, ones)]);
        var bias = Host(convolution + ".bias", outputs);
        float[] gamma = Host(batchNorm + ".weight", outputs), beta = Host(batchNorm + ".bias", outputs);
        float[] mean = Host(batchNorm + ".running_mean", outputs), variance = Host(batchNorm + ".running_var", outputs);
        if (Declaring) return null!;
        for (var o = 0; o < outputs; o++)
        {
            var scale = gamma[o] / Math.Sqrt(variance[o] + 1e-5);
            for (var i = 0; i < inputs; i++) weight[(o * inputs) + i] = (float)(weight[(o * inputs) + i] * scale);
            bias[o] = (float)(((bias[o] - mean[o]) * scale) + beta[o]);
        }

        return Own(Gemm.Pack(device, weight, outputs, bias));
    }

    /// <summary>A convolution <c>[outputs, channels, kernel, kernel]</c> with bias.</summary>
    public ConvWeights Convolution(string prefix, int outputs, int channels, int kernel, int stride, int padding)
    {
        var weight = Host(prefix + ".weight", outputs, channels, kernel, kernel);
        var bias = Host(prefix + ".bias", outputs);
        return Declaring ? null! : Own(Conv2d.Pack(device, weight, outputs, bias, kernel, stride, padding));
    }

    /// <summary>A depthwise convolution <c>[channels, 1, kernel, kernel]</c> with bias.</summary>
    public DepthwiseWeights Depthwise(string prefix, int channels, int kernel)
    {
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
        new(Tensor(prefix + ".weight", channels), Tensor(prefix + ".bias", channels), epsilon);

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

    private PackedMatrix Matrix(string prefix, int outputs, int inputs, ReadOnlySpan<int> shape)
    {
        using var weight = reader.Lend(prefix + ".weight", shape);
        var bias = Host(prefix + ".bias", outputs);
        return Declaring ? null! : Own(Gemm.Pack(device, weight.Values, outputs, bias));
    }
}
