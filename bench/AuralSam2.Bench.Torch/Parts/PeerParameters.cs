using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>Weights and inputs of a part, by rule (<see cref="RuleTensors"/>), in the forms in which forwards use them.</summary>
/// <param name="type">Type of everything; the rule itself is float32.</param>
/// <param name="learns">Whether parameters have gradients.</param>
internal sealed class PeerParameters(ScalarType type, bool learns = false) : IDisposable
{
    private readonly List<Tensor> owned = [];
    private readonly Dictionary<string, Parameter> learned = [];

    /// <summary>Parameters with gradients, by their official names.</summary>
    public IReadOnlyDictionary<string, Parameter> Learned => learned;

    /// <summary>A parameter under its official name.</summary>
    public Tensor Parameter(string name, params long[] shape) => Hold(name, RuleTensors.Parameter(name, shape));

    /// <summary>An input: values in [-scale, scale), row-major.</summary>
    public Tensor Input(string name, double scale, params long[] shape) => Own(RuleTensors.Uniform(name, 0, scale, shape));

    /// <summary>Takes a constant over, converted: it outlives every dispose scope.</summary>
    public Tensor Own(Tensor tensor) => OwnAsIs(tensor.to(type));

    /// <summary>Takes a constant over in its own type: complex rotations.</summary>
    public Tensor OwnAsIs(Tensor tensor)
    {
        owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <summary>A linear layer.</summary>
    public Linear Linear(string prefix, long outputs, long inputs) =>
        new(Parameter(prefix + ".weight", outputs, inputs), Parameter(prefix + ".bias", outputs));

    /// <summary>Linear layers of one input as one: their outputs side by side.</summary>
    public Linear Linears(string[] prefixes, long outputsEach, long inputs) => new(
        Own(cat([.. prefixes.Select(prefix => RuleTensors.Parameter(prefix + ".weight", outputsEach, inputs))])),
        Own(cat([.. prefixes.Select(prefix => RuleTensors.Parameter(prefix + ".bias", outputsEach))])));

    /// <summary>A 1x1 convolution, as the linear layer that it is on channel-last maps.</summary>
    /// <param name="prefix">Official name.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="ones">Trailing dimensions of the official weight.</param>
    public Linear Pointwise(string prefix, long outputs, long inputs, int ones = 2)
    {
        var weight = RuleTensors.Parameter(prefix + ".weight", [outputs, inputs, .. Enumerable.Repeat(1L, ones)]);
        return new Linear(Hold(prefix + ".weight", weight.view(outputs, inputs)), Parameter(prefix + ".bias", outputs));
    }

    /// <summary>A 1x1 convolution with the batch norm after it folded in (eps 1e-5, running statistics).</summary>
    public Linear PointwiseBatchNorm(string convolution, string batchNorm, long outputs, long inputs, int ones)
    {
        var weight = RuleTensors.Parameter(convolution + ".weight", [outputs, inputs, .. Enumerable.Repeat(1L, ones)]).view(outputs, inputs);
        Tensor bias = RuleTensors.Parameter(convolution + ".bias", outputs), gamma = RuleTensors.Parameter(batchNorm + ".weight", outputs);
        Tensor beta = RuleTensors.Parameter(batchNorm + ".bias", outputs), mean = RuleTensors.Parameter(batchNorm + ".running_mean", outputs);
        var scale = gamma * (RuleTensors.Parameter(batchNorm + ".running_var", outputs) + 1e-5).rsqrt();
        return new Linear(Own(weight * scale.unsqueeze(1)), Own(((bias - mean) * scale) + beta));
    }

    /// <summary>A layer norm over the channels.</summary>
    public Norm Norm(string prefix, long channels, double epsilon) =>
        new(Parameter(prefix + ".weight", channels), Parameter(prefix + ".bias", channels), epsilon);

    /// <summary>A batch norm on the statistics of the batch.</summary>
    public BatchNorm BatchNorm(string prefix, long channels) => new(
        Parameter(prefix + ".weight", channels), Parameter(prefix + ".bias", channels),
        Own(RuleTensors.Parameter(prefix + ".running_mean", channels)), Own(RuleTensors.Parameter(prefix + ".running_var", channels)));

    /// <summary>A convolution. Its weight lies channel-last, as the maps do: PyTorch then computes, and returns, channel-last.</summary>
    public Convolution Convolution(
        string prefix, long outputs, long inputs, long kernel, long stride, long padding, long groups = 1, bool isChannelLast = true)
    {
        var weight = RuleTensors.Parameter(prefix + ".weight", outputs, inputs / groups, kernel, kernel);
        if (isChannelLast) weight = weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        return new Convolution(Hold(prefix + ".weight", weight), Parameter(prefix + ".bias", outputs), stride, padding, groups);
    }

    /// <summary>A transposed 2x2 convolution of stride 2.</summary>
    public TransposedConvolution TransposedConvolution(string prefix, long inputs, long outputs) =>
        new(Parameter(prefix + ".weight", inputs, outputs, 2, 2), Parameter(prefix + ".bias", outputs));

    /// <summary>A head: linear layers with ReLU between them.</summary>
    public Linear[] Mlp(string prefix, params long[] widths) =>
        [.. Enumerable.Range(0, widths.Length - 1).Select(i => Linear($"{prefix}.layers.{i}", widths[i + 1], widths[i]))];

    private Tensor Hold(string name, Tensor values)
    {
        if (!learns) return Own(values);
        var parameter = new Parameter(values.to(type), requires_grad: true);
        learned.Add(name, parameter);
        return OwnAsIs(parameter);
    }

    public void Dispose()
    {
        foreach (var tensor in owned) tensor.Dispose();
        owned.Clear();
    }
}
