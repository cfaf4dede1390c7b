using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Shapes small enough for the emulator, for the ops that have GPU kernels.</summary>
internal static class EmulatorCases
{
    public static IReadOnlyList<OpCase> All { get; } =
    [
        // Around the edges of tiles (8, 16 with four threads) and of slices of k (16).
        Gemm(1, 1, 1),
        Gemm(8, 16, 8, bias: true),
        Gemm(9, 17, 19, bias: true, activation: Activation.Gelu),
        Gemm(17, 40, 33, activation: Activation.Relu, gap: 3),
        Gemm(5, 33, 18, bias: true, activation: Activation.Sigmoid, norm: true, gap: 5),
        Gemm(12, 7, 10, bias: true, residual: 12, norm: true),
        Gemm(12, 20, 17, bias: true, residual: 4, activation: Activation.Gelu, gap: 1),
        Gemm(10, 18, 9, bias: true, inPlace: true, gap: 2),
        Gemm(0, 4, 4),

        LayerNorm(1, 1),
        LayerNorm(5, 7),
        LayerNorm(3, 96, activation: Activation.Gelu, gap: 3),
        LayerNorm(9, 33, add: true, activation: Activation.Relu, gap: 1),
        LayerNorm(6, 20, inPlace: true),
        LayerNorm(4, 64, offset: 300), // the variance must not drown in the mean
        LayerNorm(0, 8),

        // Whole windows, windows over the border, one token, pooled queries, more keys than a block, heads that are no whole quads.
        Windows(new WindowGrid(4, 4, 2, 2, false), headDim: 4),
        Windows(new WindowGrid(5, 7, 4, 1, false), headDim: 6, gap: 2),
        Windows(new WindowGrid(3, 2, 4, 3, false), headDim: 5),
        Windows(new WindowGrid(1, 1, 1, 1, false), headDim: 1),
        Windows(new WindowGrid(6, 4, 4, 2, true), headDim: 7),
        Windows(new WindowGrid(4, 8, 2, 1, true), headDim: 12, gap: 3),
        Windows(new WindowGrid(7, 7, 7, 1, false), headDim: 3),
        Windows(new WindowGrid(4, 4, 4, 1, false), headDim: 160), // blocks shrink to fit in shared memory
        Windows(new WindowGrid(4, 4, 4, 1, false), headDim: 8, scale: 40), // scores of several hundred
    ];

    private static OpCase Gemm(
        int rows, int inputs, int outputs, bool bias = false, bool norm = false, Activation activation = Activation.None, int residual = 0, bool inPlace = false, int gap = 0)
    {
        const float epsilon = 1e-6f;
        return new OpCase
        {
            Op = "Gemm",
            Label = $"{rows}x{inputs} -> {outputs}{(norm ? ", norm" : "")}{(bias ? ", bias" : "")}, {activation}{(inPlace ? ", residual is y" : residual > 0 ? $", residual {residual}" : "")}, gap {gap}",
            Operands =
            [
                new Operand("x", OperandRole.Input, [rows, inputs], Offset: 0.3, RowGap: gap),
                new Operand("weight", OperandRole.Input, [outputs, inputs]),
                new Operand("bias", OperandRole.Input, [bias ? outputs : 0]),
                new Operand("norm.weight", OperandRole.Input, [inputs], Offset: 1),
                new Operand("norm.bias", OperandRole.Input, [inputs]),
                new Operand("residual", OperandRole.Input, [residual, outputs], RowGap: gap),
                new Operand("y", inPlace ? OperandRole.InOut : OperandRole.Output, [rows, outputs], RowGap: gap),
            ],
            Flops = 2.0 * rows * inputs * outputs,
            Bytes = 4.0 * ((rows * inputs) + (inputs * outputs) + (rows * outputs)),
            Budget = 2e-6,
            Tiny = true,
            Bind = (device, t) =>
            {
                var packed = Ops.Gemm.Pack(device, Values(device, t[1]), outputs, Values(device, t[2]));
                var fusion = new GemmFusion
                {
                    Norm = norm ? new NormWeights(t[3], t[4], epsilon) : null,
                    Activation = activation,
                    Residual = inPlace ? t[6] : residual > 0 ? t[5] : default,
                };
                return () => Ops.Gemm.Forward(device, t[0], packed, t[6], fusion);
            },
            Reference = o =>
            {
                var x = norm ? Normalised(o[0], inputs, o[3], o[4], epsilon) : o[0];
                for (var r = 0; r < rows; r++)
                {
                    for (var c = 0; c < outputs; c++)
                    {
                        var sum = bias ? o[2][c] : 0;
                        for (var k = 0; k < inputs; k++) sum += x[(r * inputs) + k] * o[1][(c * inputs) + k];
                        if (inPlace) sum += o[6][(r * outputs) + c];
                        if (residual > 0) sum += o[5][(r % residual * outputs) + c];
                        o[6][(r * outputs) + c] = Activated(activation, sum);
                    }
                }
            },
        };
    }

    private static OpCase LayerNorm(int rows, int channels, bool add = false, bool inPlace = false, Activation activation = Activation.None, double offset = 0.5, int gap = 0)
    {
        const float epsilon = 1e-5f;
        return new OpCase
        {
            Op = "LayerNorm",
            Label = $"{rows}x{channels}, {activation}{(add ? ", add" : "")}{(inPlace ? ", in place" : "")}, mean {offset}, gap {gap}",
            Operands =
            [
                new Operand("x", inPlace ? OperandRole.InOut : OperandRole.Input, [rows, channels], Offset: offset, RowGap: gap),
                new Operand("weight", OperandRole.Input, [channels], Offset: 1),
                new Operand("bias", OperandRole.Input, [channels]),
                new Operand("add", OperandRole.Input, [rows, channels], RowGap: 2 * gap),
                new Operand("y", inPlace ? OperandRole.Input : OperandRole.Output, [inPlace ? 0 : rows, channels], RowGap: gap),
            ],
            Flops = 8.0 * rows * channels,
            Bytes = 8.0 * rows * channels,
            Budget = offset > 100 ? 1e-4 : 2e-6, // float32 holds 300.1234 to 3e-5
            Tiny = true,
            Bind = (device, t) => () =>
                Ops.LayerNorm.Forward(device, t[0], new NormWeights(t[1], t[2], epsilon), inPlace ? t[0] : t[4], add ? t[3] : default, activation),
            Reference = o =>
            {
                var x = add ? [.. o[0].Zip(o[3], (a, b) => a + b)] : o[0];
                var y = Normalised(x, channels, o[1], o[2], epsilon);
                for (var i = 0; i < y.Length; i++) (inPlace ? o[0] : o[4])[i] = Activated(activation, y[i]);
            },
        };
    }

    private static OpCase Windows(WindowGrid grid, int headDim, int gap = 0, double scale = 2)
    {
        var channels = grid.Heads * headDim;
        return new OpCase
        {
            Op = "WindowAttention",
            Label = $"{grid.Height}x{grid.Width}, window {grid.Window}, {grid.Heads} heads of {headDim}{(grid.PoolQueries ? ", pooled" : "")}, values to {scale}, gap {gap}",
            Operands =
            [
                new Operand("qkv", OperandRole.Input, [grid.Height * grid.Width, 3 * channels], scale, RowGap: gap),
                new Operand("padding", OperandRole.Input, [3 * channels], scale),
                new Operand("y", OperandRole.Output, [grid.OutputHeight * grid.OutputWidth, channels], RowGap: gap),
            ],
            Flops = 4.0 * grid.Height * grid.Width * grid.Window * grid.Window * channels,
            Bytes = 16.0 * grid.Height * grid.Width * channels,
            Budget = scale > 10 ? 1e-4 : 2e-6, // the error of a score, about 1e-7 of its size, is the relative error of its weight
            Tiny = true,
            Bind = (device, t) => () => WindowAttention.Forward(device, t[0], t[1], t[2], grid),
            Reference = o => WindowReference(grid, headDim, o[0], o[1], o[2]),
        };
    }

    /// <summary>Pads, partitions, pools and attends the plain way.</summary>
    private static void WindowReference(WindowGrid grid, int headDim, double[] qkv, double[] padding, double[] y)
    {
        var (w, channels, pool) = (grid.Window, grid.Heads * headDim, grid.PoolQueries ? 2 : 1);
        double Token(int row, int column, int channel) =>
            row < grid.Height && column < grid.Width ? qkv[(((row * grid.Width) + column) * 3 * channels) + channel] : padding[channel];

        for (var row = 0; row < grid.OutputHeight; row++)
        {
            for (var column = 0; column < grid.OutputWidth; column++)
            {
                var (top, left) = (row * pool / w * w, column * pool / w * w);
                for (var head = 0; head < grid.Heads; head++)
                {
                    var scores = new double[w * w];
                    for (var key = 0; key < scores.Length; key++)
                    {
                        for (var c = head * headDim; c < (head + 1) * headDim; c++)
                        {
                            var query = double.NegativeInfinity;
                            for (var p = 0; p < pool * pool; p++) query = Math.Max(query, Token((row * pool) + (p / pool), (column * pool) + (p % pool), c));
                            scores[key] += query * Token(top + (key / w), left + (key % w), channels + c) / Math.Sqrt(headDim);
                        }
                    }

                    var maximum = scores.Max();
                    var sum = scores.Sum(s => Math.Exp(s - maximum));
                    for (var c = head * headDim; c < (head + 1) * headDim; c++)
                    {
                        var value = 0.0;
                        for (var key = 0; key < scores.Length; key++)
                            value += Math.Exp(scores[key] - maximum) / sum * Token(top + (key / w), left + (key % w), (2 * channels) + c);
                        y[(((row * grid.OutputWidth) + column) * channels) + c] = value;
                    }
                }
            }
        }
    }

    private static double[] Normalised(double[] x, int channels, double[] weight, double[] bias, double epsilon)
    {
        var y = new double[x.Length];
        for (var first = 0; first < x.Length; first += channels)
        {
            var row = x.AsSpan(first, channels).ToArray();
            var mean = row.Average();
            var variance = row.Average(v => (v - mean) * (v - mean));
            for (var c = 0; c < channels; c++) y[first + c] = ((row[c] - mean) / Math.Sqrt(variance + epsilon) * weight[c]) + bias[c];
        }

        return y;
    }

    private static double Activated(Activation activation, double x) => activation switch
    {
        Activation.Relu => Math.Max(x, 0),
        Activation.Gelu => x / 2 * (1 + Erf(x / Math.Sqrt(2))),
        Activation.Sigmoid => 1 / (1 + Math.Exp(-x)),
        _ => x,
    };

    /// <summary>Taylor series, exact to about 1e-12 where |x| &lt; 4; beyond it is 1 to 2e-8.</summary>
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 4) return Math.Sign(x);
        var (term, sum) = (x, x);
        for (var n = 1; n < 120; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static float[] Values(Device device, Tensor tensor)
    {
        var values = new float[tensor.Length];
        device.Download(tensor, values);
        return values;
    }
}
