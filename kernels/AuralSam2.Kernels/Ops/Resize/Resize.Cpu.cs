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

    /// <summary>A row of dx is an item: the rows of dy that it is part of are blended, then its columns are gathered.</summary>
    public static void Gradient(CpuDevice device, Tensor dy, Tensor dx, ResizeSources down, ResizeSources across)
    {
        var (height, width, newHeight, newWidth) = (dx.Shape[^2], dx.Shape[^1], dy.Shape[^2], dy.Shape[^1]);
        var planes = dx.Shape.Rank == 3 ? dx.Shape[0] : 1;
        device.Pool.For(planes * height, (item, worker) =>
        {
            var row = item % height;
            var plane = dy.Pointer + ((nint)(item / height) * newHeight * newWidth);
            var blended = device.Scratch(worker, newWidth);
            new Span<float>(blended, newWidth).Clear();
            for (var k = down.First[row]; k < down.First[row + 1]; k++)
                ElementwiseCpu.AddRow(device.Isa, newWidth, blended, plane + ((nint)down.Outputs[k] * newWidth), blended, down.Weights[k]);

            var target = dx.Pointer + ((nint)item * width);
            for (var j = 0; j < width; j++)
            {
                var sum = 0f;
                for (var k = across.First[j]; k < across.First[j + 1]; k++) sum += across.Weights[k] * blended[across.Outputs[k]];
                target[j] += sum;
            }
        });
    }
}
