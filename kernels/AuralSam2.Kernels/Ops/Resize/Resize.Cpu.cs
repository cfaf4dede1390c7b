namespace AuralSam2.Kernels.Ops;

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
            var first = item % newHeight * down.Count;
            var plane = x.Pointer + ((nint)(item / newHeight) * height * width);
            var blended = device.Scratch(worker, width);
            new Span<float>(blended, width).Clear();
            for (var k = first; k < first + down.Count; k++)
            {
                if (down.Weights[k] != 0)
                    ElementwiseCpu.AddRow(device.Isa, width, blended, plane + ((nint)down.Inputs[k] * width), blended, down.Weights[k]);
            }

            var target = y.Pointer + ((nint)item * newWidth);
            for (int j = 0, tap = 0; j < newWidth; j++)
            {
                var sum = 0f;
                for (var k = 0; k < across.Count; k++, tap++) sum += across.Weights[tap] * blended[across.Inputs[tap]];
                target[j] = sum;
            }
        });
    }
}
