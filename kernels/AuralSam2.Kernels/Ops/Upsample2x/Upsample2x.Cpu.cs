namespace AuralSam2.Kernels.Ops;

/// <summary>An output row is an item.</summary>
internal static unsafe class Upsample2xCpu
{
    public static void AddNearest(CpuDevice device, Tensor x, Tensor y)
    {
        var (width, channels) = (y.Shape[1], y.Columns);
        device.Pool.For(y.Shape[0], (row, _) =>
        {
            var target = y.Pointer + ((nint)row * width * channels);
            var source = x.Pointer + ((nint)(row / 2) * (width / 2) * channels);
            for (var j = 0; j < width; j++)
                ElementwiseCpu.AddRow(
                    device.Isa, channels, target + ((nint)j * channels),
                    source + ((nint)(j / 2) * channels), target + ((nint)j * channels), 1f);
        });
    }
}
