using AuralSam2.Data;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Training;

namespace AuralSam2.Tests.Training;

/// <summary>
/// A learner that is quick and otherwise all that a real one is: real kernels on a real tape, parameters under official names, one of them
/// never used, a running mean, dropout. It guesses from the mean colour of each cell of a frame how much of the cell is foreground.
/// </summary>
internal sealed class TinyLearner : ILearner
{
    private const int Cells = 4;
    private const int Hidden = 24;

    private readonly Tape tape;
    private readonly Tensor weight1, bias1, normWeight, normBias, weight2, bias2, unused, running;
    private readonly PackedMatrix layer1, layer2;
    private readonly double dropout;

    public TinyLearner(Device device, double dropout = 0.1, ulong seed = 1)
    {
        (Device, this.dropout, tape) = (device, dropout, new Tape(device));
        var random = new Random((int)seed);
        weight1 = New(0.5f, Hidden, 3);
        bias1 = New(0.1f, Hidden);
        normWeight = New(1f, Hidden);
        normBias = New(0.1f, Hidden);
        weight2 = New(0.3f, 1, Hidden);
        bias2 = New(0.1f, 1);
        unused = New(1f, 5);
        running = New(0f, 1);
        Parameters =
        [
            ParameterGroups.OfLayer("aural_fuser.smooth_convs.0.weight", weight1, Hidden, 3, 1, 1),
            ParameterGroups.OfLayer("aural_fuser.smooth_convs.0.bias", bias1, Hidden),
            ParameterGroups.OfNorm("aural_fuser.fusion_modules.0.norm_layer.weight", normWeight, Hidden),
            ParameterGroups.OfNorm("aural_fuser.fusion_modules.0.norm_layer.bias", normBias, Hidden),
            ParameterGroups.OfLayer("aural_fuser.vgg.embeddings.0.weight", weight2, 1, Hidden),
            ParameterGroups.OfLayer("aural_fuser.vgg.embeddings.0.bias", bias2, 1),
            ParameterGroups.OfLayer("aural_fuser.fusion_modules.0.g.weight", unused, 5),
        ];
        Statistics = [new NamedTensor("aural_fuser.fusion_modules.0.W_z.1.running_mean", running, [1])];
        foreach (var parameter in Parameters) tape.Follow(parameter.Value);
        (layer1, layer2) = (Gemm.Pack(device, weight1, bias1), Gemm.Pack(device, weight2, bias2));

        Tensor New(float scale, params int[] shape)
        {
            var tensor = device.AllocateTensor(shape);
            var values = new float[tensor.Length];
            foreach (ref var value in values.AsSpan()) value = scale * ((2 * random.NextSingle()) - 1);
            device.Upload(values, tensor);
            return tensor;
        }
    }

    /// <summary>Called before each clip; what it answers becomes part of the input.</summary>
    public Func<StepRandomness, float> BeforeClip { get; init; } = _ => 0;

    public Device Device { get; }

    public IReadOnlyList<TrainedParameter> Parameters { get; }

    public IReadOnlyList<NamedTensor> Statistics { get; }

    public bool Checked
    {
        get => tape.Checked;
        set => tape.Checked = value;
    }

    public Tensor Gradient(TrainedParameter parameter) => tape.Gradient(parameter.Value);

    public bool HasGradient(TrainedParameter parameter) => parameter.Value.Buffer != unused.Buffer;

    public void ZeroGradients() => tape.ZeroGradients();

    public void Refresh()
    {
        layer1.Refresh();
        layer2.Refresh();
    }

    public LossTerms Accumulate(LoadedClip clip, StepRandomness random, double scale)
    {
        var input = Colours(clip);
        input[0] += BeforeClip(random);
        var drops = new Random((int)random.Dropout);
        foreach (ref var value in input.AsSpan()) value = drops.NextDouble() < dropout ? 0 : value / (float)(1 - dropout);

        using var scope = Device.Scope();
        Tensor output;
        using (tape.Record()) output = Run(input);
        var answer = Device.Download(output);
        var target = Shares(clip);
        var seeds = new float[answer.Length];
        var loss = 0.0;
        for (var i = 0; i < seeds.Length; i++)
        {
            var difference = answer[i] - target[i];
            loss += difference * difference / seeds.Length;
            seeds[i] = (float)(scale * 2 * difference / seeds.Length);
        }

        tape.ClearGradients();
        Device.Upload(seeds, tape.Gradient(output));
        tape.WalkBack();
        Device.Upload([(0.9f * Device.Download(running)[0]) + (0.1f * answer.Average())], running);
        return new LossTerms(0, loss, 0, 0, 0);
    }

    public IEnumerable<FramePrediction> Predict(LoadedClip clip, CancellationToken cancellation)
    {
        using var scope = Device.Scope();
        var answer = Device.Download(Run(Colours(clip)));
        var shift = Device.Download(running)[0] * 0.01f;
        var (size, cell) = (clip.Size, clip.Size / Cells);
        for (var frame = 0; frame < clip.Images.Count; frame++)
        {
            cancellation.ThrowIfCancellationRequested();
            var masks = new float[3 * size * size];
            for (var i = 0; i < masks.Length; i++)
            {
                var (y, x) = (i / size % size, i % size);
                masks[i] = answer[(((frame * Cells) + Math.Min(y / cell, Cells - 1)) * Cells) + Math.Min(x / cell, Cells - 1)] - shift;
            }

            yield return new FramePrediction(masks, [0.2f, 0.9f, 0.5f], 1);
        }
    }

    public void Dispose()
    {
        layer1.Dispose();
        layer2.Dispose();
        tape.Dispose();
        foreach (var parameter in Parameters) parameter.Value.Buffer.Dispose();
        running.Buffer.Dispose();
    }

    private Tensor Run(float[] input)
    {
        var rows = input.Length / 3;
        var (x, h, y) = (Device.Rent(rows, 3), Device.Rent(rows, Hidden), Device.Rent(rows, 1));
        Device.Upload(input, x);
        using (Device.Module("aural_fuser.smooth_convs.0")) Gemm.Forward(Device, x, layer1, h);
        using (Device.Module("aural_fuser.fusion_modules.0"))
            LayerNorm.Forward(Device, h, new NormWeights(normWeight, normBias, 1e-5f), h, activation: Activation.Gelu);
        using (Device.Module("aural_fuser.vgg")) Gemm.Forward(Device, h, layer2, y);
        return y;
    }

    /// <summary>Mean colour of each cell of each frame, <c>[frames, 4, 4, 3]</c>.</summary>
    private static float[] Colours(LoadedClip clip)
    {
        var means = new float[clip.Images.Count * Cells * Cells * 3];
        var cell = clip.Size / Cells;
        for (var i = 0; i < means.Length; i++)
        {
            var (frame, row, column, channel) = (i / (Cells * Cells * 3), i / (Cells * 3) % Cells, i / 3 % Cells, i % 3);
            for (var p = 0; p < cell * cell; p++)
            {
                var (y, x) = ((row * cell) + (p / cell), (column * cell) + (p % cell));
                means[i] += clip.Images[frame].Pixels[(((y * clip.Size) + x) * 3) + channel] / (255f * cell * cell);
            }
        }

        return means;
    }

    /// <summary>-1 where a cell holds no foreground, 1 where it holds nothing else; 0 where the frame is not supervised.</summary>
    private static float[] Shares(LoadedClip clip)
    {
        var shares = new float[clip.Images.Count * Cells * Cells];
        var cell = clip.Size / Cells;
        for (var i = 0; i < shares.Length; i++)
        {
            var (frame, row, column) = (i / (Cells * Cells), i / Cells % Cells, i % Cells);
            if (clip.Labels[frame] is not { } labels) continue;
            shares[i] = -1;
            for (var p = 0; p < cell * cell; p++)
                shares[i] += 2f * labels[(((row * cell) + (p / cell)) * clip.Size) + (column * cell) + (p % cell)] / (cell * cell);
        }

        return shares;
    }
}
