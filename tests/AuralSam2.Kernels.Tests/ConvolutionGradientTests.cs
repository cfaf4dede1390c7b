using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What finite differences do not see: the order of sums, weights that change, elements that are equal, images cut into blocks.</summary>
public sealed class ConvolutionGradientTests
{
    private static readonly string[] Ops = ["Conv2d", "ConvTranspose2x2", "DepthwiseConv2d", "MaxPool2x2", "Upsample2x"];

    public static TheoryData<string> Cases =>
        [.. OpRegistry.Cases.Where(c => !c.Real && Ops.Contains(c.Op)).Select(c => c.ToString())];

    [Theory, MemberData(nameof(Cases))]
    public void DoesNotDependOnTheNumberOfThreads(string name)
    {
        var subject = OpRegistry.Cases.Single(c => !c.Real && c.ToString() == name);
        int[] wanted =
        [
            .. Enumerable.Range(0, subject.Operands.Length)
                .Where(i => subject.Operands[i] is { Role: not OperandRole.Output, Constant: false }),
        ];
        using CpuDevice one = new(1), three = new(3);
        var expected = GradientRunner.Gradients(one, subject, wanted, out var first);
        var found = GradientRunner.Gradients(three, subject, wanted, out var second);
        Assert.Null(first ?? second);
        Assert.Equal(expected, found);
    }

    /// <summary>Patches beyond one block, which ends within an image: 3 x 41 lines of 90 patches of 288 floats are 13 MB.</summary>
    [Fact]
    public void BlocksOfPatchesAddUp()
    {
        using var device = new CpuDevice(2);
        using var scope = device.Scope();
        var random = new SplitMix64("patches");
        Tensor Values(params ReadOnlySpan<int> dims)
        {
            var tensor = device.Rent(dims);
            device.Upload([.. Enumerable.Range(0, (int)tensor.Length).Select(_ => (float)((2 * random.NextUnit()) - 1))], tensor);
            return tensor;
        }

        Tensor weight = Values(8, 32, 3, 3), x = Values(3, 41, 90, 32), y = device.Rent(3, 41, 90, 8);
        using var weights = Conv2d.Pack(device, weight, bias: default, stride: 1, padding: 1);
        using var tape = new Tape(device);
        tape.Reach(x);
        tape.Reach(weight);
        using (tape.Record()) Conv2d.Forward(device, x, weights, y);
        tape.ClearGradients();
        device.Upload([.. Enumerable.Range(0, (int)y.Length).Select(_ => (float)((2 * random.NextUnit()) - 1))], tape.Gradient(y));
        var dy = device.Download(tape.Gradient(y));
        tape.WalkBack();

        // The convolution is linear: sum(dy * conv(x)) is sum(dx * x) and sum(dW * W).
        var loss = Dot(dy, device.Download(y));
        Assert.Equal(loss, Dot(device.Download(tape.Gradient(x)), device.Download(x)), 1e-3 * Math.Sqrt(dy.Length));
        Assert.Equal(loss, Dot(device.Download(tape.Gradient(weight)), device.Download(weight)), 1e-3 * Math.Sqrt(dy.Length));

        static double Dot(float[] a, float[] b) => a.Zip(b, (p, q) => (double)p * q).Sum();
    }

    [Fact]
    public void AConvolutionFollowsWeightsThatChange() => FollowsWeights(
        [5, 4, 3, 3], [6, 7, 4], [6, 7, 5], [5], (device, w, b) => Conv2d.Pack(device, w, b, stride: 1, padding: 1),
        (device, x, w, y) => Conv2d.Forward(device, x, w, y));

    [Fact]
    public void ATransposedConvolutionFollowsWeightsThatChange() => FollowsWeights(
        [4, 5, 2, 2], [3, 7, 4], [6, 14, 5], [5], ConvTranspose2x2.Pack, (device, x, w, y) => ConvTranspose2x2.Forward(device, x, w, y));

    [Fact]
    public void ADepthwiseConvolutionFollowsWeightsThatChange() => FollowsWeights(
        [5, 1, 3, 3], [6, 7, 5], [6, 7, 5], [5], DepthwiseConv2d.Pack, (device, x, w, y) => DepthwiseConv2d.Forward(device, x, w, y));

    /// <summary>After new values and a refresh, results and gradients are those of weights packed from the new values.</summary>
    private static void FollowsWeights<TWeights>(
        int[] weightShape, int[] xShape, int[] yShape, int[] biasShape, Func<Device, Tensor, Tensor, TWeights> pack,
        Action<Device, Tensor, TWeights, Tensor> forward)
        where TWeights : ITrainable, IDisposable
    {
        using var device = new CpuDevice(2);
        using var scope = device.Scope();
        Tensor weight = device.Rent(weightShape), bias = device.Rent(biasShape), x = device.Rent(xShape), y = device.Rent(yShape);
        Write(x, "x");
        Write(weight, "first weight");
        Write(bias, "first bias");
        using var packed = pack(device, weight, bias);
        var first = Step(packed);
        Write(weight, "second weight");
        Write(bias, "second bias");
        packed.Refresh();
        var second = Step(packed);
        using var fresh = pack(device, weight, bias);
        Assert.NotEqual(first, second);
        Assert.Equal(Step(fresh), second);

        float[] Step(TWeights weights)
        {
            using var tape = new Tape(device);
            tape.Reach(x);
            using (tape.Record()) forward(device, x, weights, y);
            tape.ClearGradients();
            Write(tape.Gradient(y), "seeds");
            tape.WalkBack();
            return [.. device.Download(y), .. device.Download(tape.Gradient(x))];
        }

        void Write(Tensor tensor, string name)
        {
            var random = new SplitMix64(name);
            device.Upload([.. Enumerable.Range(0, (int)tensor.Length).Select(_ => (float)((2 * random.NextUnit()) - 1))], tensor);
        }
    }

    [Fact]
    public void OfEqualElementsTheFirstGetsTheGradient()
    {
        using var device = new CpuDevice(1);
        using var scope = device.Scope();
        const int channels = 33;
        Tensor x = device.Rent(2, 4, channels), y = device.Rent(1, 2, channels);
        device.Fill(x, 1);
        device.Fill(x.Reshape(8, channels).Slice(2, 1), 0); // in the second block the first is smaller
        using var tape = new Tape(device);
        tape.Reach(x);
        using (tape.Record()) MaxPool2x2.Forward(device, x, y);
        tape.ClearGradients();
        device.Fill(tape.Gradient(y), 3);
        tape.WalkBack();
        var gradient = device.Download(tape.Gradient(x));
        for (var i = 0; i < gradient.Length; i++) Assert.Equal(i / channels is 0 or 3 ? 3 : 0, gradient[i]);
    }
}
