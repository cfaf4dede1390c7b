namespace AuralSam2.Kernels.Ops;

/// <summary>One input row is an item: two products that write whole output rows.</summary>
internal static unsafe class ConvTranspose2x2Cpu
{
    public static void Run(CpuDevice device, Tensor x, ConvTransposeWeights weights, Tensor y, Tensor residual, Activation activation)
    {
        var (width, channels, stride) = (x.Shape[1], x.Columns, 2 * weights.Outputs);
        device.Pool.For(x.Shape[0], (row, worker) =>
        {
            for (var dy = 0; dy < 2; dy++)
            {
                var matrix = CpuPackedMatrix.For(device, dy == 0 ? weights.Upper : weights.Lower);
                var scratch = device.Scratch(worker, GemmCpu.TailFloats(matrix));
                var offset = (((nint)2 * row) + dy) * width * stride;
                var epilogue = new GemmCpu.Epilogue
                {
                    Activation = activation,
                    Residual = residual.IsEmpty ? null : residual.Pointer + offset,
                    StrideResidual = stride,
                };
                GemmCpu.Block(
                    device.Isa, matrix, width, x.Pointer + ((nint)row * width * channels), channels,
                    y.Pointer + offset, stride, epilogue, scratch);
            }
        });
    }
}
