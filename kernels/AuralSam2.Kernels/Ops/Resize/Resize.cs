namespace AuralSam2.Kernels.Ops;

/// <summary>How pixels between pixels are found. All modes align pixel areas, not corners: output i looks at input (i + 1/2) scale - 1/2.</summary>
public enum ResizeMode
{
    /// <summary>Two neighbours per axis.</summary>
    Bilinear,

    /// <summary>A triangle as wide as the reduction: bilinear that does not alias when it shrinks.</summary>
    BilinearAntialiased,

    /// <summary>Four neighbours per axis, A = -0.75, border pixels repeated (PyTorch's bicubic).</summary>
    Bicubic,

    /// <summary>The pixel whose area holds the point: floor(i scale).</summary>
    Nearest,
}

/// <summary>Resizes planes: masks, position tables.</summary>
public static class Resize
{
    /// <summary>Resizes every plane.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width]</c> or <c>[planes, height, width]</c>, dense.</param>
    /// <param name="y"><c>[(planes,) new height, new width]</c>, dense; not x itself.</param>
    /// <param name="mode">Interpolation.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or an extent is zero.</exception>
    public static void Forward(Device device, Tensor x, Tensor y, ResizeMode mode)
    {
        OpArguments.Require(
            x.Shape.Rank is 2 or 3 && y.Shape.Rank == x.Shape.Rank && x.IsDense && y.IsDense && x.Length > 0 && y.Length > 0 &&
            (x.Shape.Rank == 2 || x.Shape[0] == y.Shape[0]),
            "Resize", $"x {x}, y {y}");
        var record = device.Recording("Resize", y, [x]);
        Run(device, x, y, mode);
        record?.Commit(y, () => Gradient(device, record.Gradient(y), record.Gradient(x), mode));
    }

    /// <summary>Every input gathers from the outputs that it is part of: the transposed interpolation, rows first and then columns.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[(planes,) new height, new width]</c>.</param>
    /// <param name="dx"><c>[(planes,) height, width]</c>; added to.</param>
    /// <param name="mode">Interpolation.</param>
    private static void Gradient(Device device, Tensor dy, Tensor dx, ResizeMode mode)
    {
        ResizeSources down = ResizeTaps.Of(dx.Shape[^2], dy.Shape[^2], mode).Transposed(dx.Shape[^2]),
            across = ResizeTaps.Of(dx.Shape[^1], dy.Shape[^1], mode).Transposed(dx.Shape[^1]);
        using var timing = device.Time("Resize.Gradient", 8.0 * dy.Length, 4.0 * (dy.Length + (2 * dx.Length)), $"{dy.Shape} to {dx.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ResizeCpu.Gradient(cpu, dy, dx, down, across); break;
            case IlgpuDevice gpu: ResizeGpu.Gradient(gpu, dy, dx, down, across); break;
            default: throw device.Unsupported("Resize.Gradient");
        }
    }

    private static void Run(Device device, Tensor x, Tensor y, ResizeMode mode)
    {
        using var timing = device.Time("Resize", 8.0 * y.Length, 4.0 * (x.Length + y.Length), $"{x.Shape} to {y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ResizeCpu.Run(cpu, x, y, mode); break;
            case IlgpuDevice gpu: ResizeGpu.Run(gpu, x, y, mode); break;
            default: throw device.Unsupported("Resize");
        }
    }
}

/// <summary>Which inputs an output of one axis is made of, and their weights.</summary>
/// <param name="Inputs"><c>[outputs, Count]</c>: inputs, within the axis.</param>
/// <param name="Weights"><c>[outputs, Count]</c>.</param>
/// <param name="Count">Inputs of an output; those not needed have weight 0.</param>
internal readonly record struct ResizeTaps(int[] Inputs, float[] Weights, int Count)
{
    /// <summary>Taps of an axis; positions beyond its ends are those of the end.</summary>
    public static ResizeTaps Of(int inputs, int outputs, ResizeMode mode)
    {
        var scale = (double)inputs / outputs;
        var support = Math.Max(1.0, scale); // of the antialiasing triangle, to either side
        var count = mode switch
        {
            ResizeMode.Nearest => 1,
            ResizeMode.Bilinear => 2,
            ResizeMode.Bicubic => 4,
            _ => (int)Math.Ceiling(2 * support) + 1,
        };
        var taps = new ResizeTaps(new int[outputs * count], new float[outputs * count], count);
        for (var i = 0; i < outputs; i++)
        {
            var center = ((i + 0.5) * scale) - 0.5;
            var weights = taps.Weights.AsSpan(i * count, count);
            var first = mode switch
            {
                ResizeMode.Nearest => Nearest(i, inputs, outputs, weights),
                ResizeMode.Bilinear => Linear(center, weights),
                ResizeMode.Bicubic => Cubic(center, weights),
                _ => Triangle(center, support, inputs, weights),
            };
            for (var k = 0; k < count; k++) taps.Inputs[(i * count) + k] = Math.Clamp(first + k, 0, inputs - 1);
        }

        return taps;
    }

    /// <summary>The same the other way around.</summary>
    public ResizeSources Transposed(int inputs)
    {
        var sources = new ResizeSources(new int[inputs + 1], new int[Inputs.Length], new float[Inputs.Length]);
        for (var t = 0; t < Inputs.Length; t++)
            if (Weights[t] != 0) sources.First[Inputs[t] + 1]++;
        for (var i = 0; i < inputs; i++) sources.First[i + 1] += sources.First[i];
        var at = sources.First[..inputs];
        for (var t = 0; t < Inputs.Length; t++)
        {
            if (Weights[t] == 0) continue;
            var place = at[Inputs[t]]++;
            (sources.Outputs[place], sources.Weights[place]) = (t / Count, Weights[t]);
        }

        return sources;
    }

    /// <summary>floor(i * scale), in float32 as the code that checkpoints were trained with computes it.</summary>
    private static int Nearest(int i, int inputs, int outputs, Span<float> weights)
    {
        weights[0] = 1;
        return (int)MathF.Floor(i * ((float)inputs / outputs));
    }

    private static int Linear(double center, Span<float> weights)
    {
        center = Math.Max(center, 0);
        var first = (int)center;
        weights[1] = (float)(center - first);
        weights[0] = 1 - weights[1];
        return first;
    }

    private static int Cubic(double center, Span<float> weights)
    {
        var first = (int)Math.Floor(center) - 1;
        for (var k = 0; k < 4; k++) weights[k] = (float)Keys(center - (first + k));
        return first;
    }

    private static int Triangle(double center, double support, int inputs, Span<float> weights)
    {
        var first = Math.Max(0, (int)(center - support + 1));
        var last = Math.Min(inputs, (int)(center + support + 1));
        var sum = 0.0;
        for (var k = first; k < last; k++) sum += Math.Max(0, 1 - (Math.Abs(k - center) / support));
        for (var k = first; k < last; k++) weights[k - first] = (float)(Math.Max(0, 1 - (Math.Abs(k - center) / support)) / sum);
        return first;
    }

    /// <summary>Cubic convolution (Keys 1981) with A = -0.75.</summary>
    private static double Keys(double x)
    {
        const double a = -0.75;
        x = Math.Abs(x);
        return x <= 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : x < 2 ? (((((x - 5) * x) + 8) * x) - 4) * a : 0;
    }
}

/// <summary>Which outputs of one axis an input is part of.</summary>
/// <param name="First"><c>[inputs + 1]</c>: where an input's outputs begin; they end where the next one's begin.</param>
/// <param name="Outputs">Outputs, in order.</param>
/// <param name="Weights">The input's weight in each.</param>
internal readonly record struct ResizeSources(int[] First, int[] Outputs, float[] Weights);
