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
            x.Shape.Rank is 2 or 3 && y.Shape.Rank == x.Shape.Rank && x.IsDense && y.IsDense && x.Length > 0 && y.Length > 0 && (x.Shape.Rank == 2 || x.Shape[0] == y.Shape[0]),
            "Resize", $"x {x}, y {y}");
        using var timing = device.Time("Resize", 8.0 * y.Length, 4.0 * (x.Length + y.Length));
        switch (device)
        {
            case CpuDevice cpu: ResizeCpu.Run(cpu, x, y, mode); break;
            default: throw device.Unsupported("Resize");
        }
    }
}

/// <summary>Which inputs an output of one axis is made of, and their weights.</summary>
internal readonly record struct ResizeTaps(int[] First, float[] Weights, int Count)
{
    /// <summary>Taps of an axis. Weights are [outputs, Count]; inputs First[i] .. First[i] + Count - 1 are clamped to the axis by the reader.</summary>
    public static ResizeTaps Of(int inputs, int outputs, ResizeMode mode)
    {
        var scale = (double)inputs / outputs;
        // Nearest is computed in float32 where checkpoints' code does so: floor(i * (float)scale).
        var (support, count) = mode switch
        {
            ResizeMode.Nearest => (0.0, 1),
            ResizeMode.Bilinear => (1.0, 2),
            ResizeMode.Bicubic => (2.0, 4),
            _ => (Math.Max(1.0, scale), (int)Math.Ceiling(2 * Math.Max(1.0, scale)) + 1),
        };
        var taps = new ResizeTaps(new int[outputs], new float[outputs * count], count);
        for (var i = 0; i < outputs; i++)
        {
            var center = ((i + 0.5) * scale) - 0.5;
            switch (mode)
            {
                case ResizeMode.Nearest:
                    taps.First[i] = Math.Min((int)MathF.Floor(i * (float)scale), inputs - 1);
                    taps.Weights[i] = 1;
                    break;
                case ResizeMode.Bilinear:
                    center = Math.Max(center, 0);
                    taps.First[i] = (int)center;
                    var t = (float)(center - taps.First[i]);
                    (taps.Weights[2 * i], taps.Weights[(2 * i) + 1]) = (1 - t, t);
                    break;
                case ResizeMode.Bicubic:
                    var floor = (int)Math.Floor(center);
                    taps.First[i] = floor - 1;
                    for (var k = 0; k < 4; k++) taps.Weights[(4 * i) + k] = (float)Cubic(center - (floor - 1 + k));
                    break;
                default:
                    Triangle(taps, i, inputs, center, support);
                    break;
            }
        }

        return taps;
    }

    private static void Triangle(ResizeTaps taps, int i, int inputs, double center, double support)
    {
        var first = Math.Max(0, (int)(center - support + 1));
        var last = Math.Min(inputs, (int)(center + support + 1));
        taps.First[i] = first;
        var sum = 0.0;
        for (var k = first; k < last; k++) sum += Math.Max(0, 1 - (Math.Abs(k - center) / support));
        for (var k = first; k < last; k++) taps.Weights[(i * taps.Count) + k - first] = (float)(Math.Max(0, 1 - (Math.Abs(k - center) / support)) / sum);
    }

    /// <summary>Cubic convolution (Keys 1981) with A = -0.75.</summary>
    private static double Cubic(double x)
    {
        const double a = -0.75;
        x = Math.Abs(x);
        return x <= 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : x < 2 ? (((((x - 5) * x) + 8) * x) - 4) * a : 0;
    }
}

/// <summary>Separable: a row of the output is an item; the input rows it needs are blended first, then its columns are read off.</summary>
internal static unsafe class ResizeCpu
{
    public static void Run(CpuDevice device, Tensor x, Tensor y, ResizeMode mode)
    {
        var (height, width, newHeight, newWidth) = (x.Shape[^2], x.Shape[^1], y.Shape[^2], y.Shape[^1]);
        var planes = x.Shape.Rank == 3 ? x.Shape[0] : 1;
        ResizeTaps down = ResizeTaps.Of(height, newHeight, mode), across = ResizeTaps.Of(width, newWidth, mode);
        device.Pool.For(planes * newHeight, (item, worker) =>
        {
            var i = item % newHeight;
            var plane = x.Pointer + ((nint)(item / newHeight) * height * width);
            var blended = new Span<float>(device.Scratch(worker, width), width);
            blended.Clear();
            for (var k = 0; k < down.Count; k++)
            {
                var weight = down.Weights[(i * down.Count) + k];
                if (weight == 0) continue;
                var row = Math.Clamp(down.First[i] + k, 0, height - 1);
                fixed (float* sum = blended) ElementwiseCpu.AddRow(device.Isa, width, sum, plane + ((nint)row * width), sum, weight);
            }

            var target = new Span<float>(y.Pointer + ((nint)item * newWidth), newWidth);
            for (var j = 0; j < newWidth; j++)
            {
                var sum = 0f;
                for (var k = 0; k < across.Count; k++)
                    sum += across.Weights[(j * across.Count) + k] * blended[Math.Clamp(across.First[j] + k, 0, width - 1)];
                target[j] = sum;
            }
        });
    }
}
