using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>The gradient: a thread owns an input pixel and gathers from the outputs that it is part of, by tables of both axes.</summary>
internal static partial class ResizeGpu
{
    public static readonly GpuKernel<GradientArguments> GradientKernel = new(ResizeGradient, Threads);

    /// <summary>Arguments of <see cref="ResizeGradient"/>; an axis is <see cref="ResizeSources"/> as floats: firsts, outputs, weights.</summary>
    /// <param name="Dy"><c>[planes * new height, new width]</c>.</param>
    /// <param name="Dx"><c>[planes * height, width]</c>; added to.</param>
    /// <param name="Height">Input rows of a plane.</param>
    /// <param name="NewHeight">Output rows of a plane.</param>
    /// <param name="Down">Table of the rows.</param>
    /// <param name="Across">Table of the columns.</param>
    /// <param name="DownSources">Entries of <paramref name="Down"/>.</param>
    /// <param name="AcrossSources">Entries of <paramref name="Across"/>.</param>
    /// <param name="Chunks">Groups side by side in a row.</param>
    public readonly record struct GradientArguments(
        RowView Dy, RowView Dx, int Height, int NewHeight, RowView Down, RowView Across, int DownSources, int AcrossSources, int Chunks);

    public static void Gradient(IlgpuDevice device, Tensor dy, Tensor dx, ResizeSources down, ResizeSources across)
    {
        using var scope = device.Scope();
        var threads = device.GroupSize(GradientKernel);
        var chunks = (dx.Columns + threads - 1) / threads;
        var arguments = new GradientArguments(
            device.Rows(dy), device.Rows(dx), dx.Shape[^2], dy.Shape[^2], device.Rows(Table(device, down)), device.Rows(Table(device, across)),
            down.Outputs.Length, across.Outputs.Length, chunks);
        device.Launch(GradientKernel, (long)dx.Rows * chunks, threads, 0, arguments);
    }

    internal static void ResizeGradient(GradientArguments arguments)
    {
        var width = arguments.Dx.Columns;
        var line = Grid.IdxX / arguments.Chunks;
        var column = ((Grid.IdxX - (line * arguments.Chunks)) * Group.DimX) + Group.IdxX;
        if (column >= width) return;
        var plane = line / arguments.Height;
        var row = line - (plane * arguments.Height);
        var sum = 0f;
        for (var i = (int)arguments.Down[0, row]; i < (int)arguments.Down[0, row + 1]; i++)
        {
            var source = (plane * arguments.NewHeight) + (int)arguments.Down[0, arguments.Height + 1 + i];
            var blended = 0f;
            for (var j = (int)arguments.Across[0, column]; j < (int)arguments.Across[0, column + 1]; j++)
            {
                blended += arguments.Across[0, width + 1 + arguments.AcrossSources + j] *
                    arguments.Dy[source, (int)arguments.Across[0, width + 1 + j]];
            }

            sum += arguments.Down[0, arguments.Height + 1 + arguments.DownSources + i] * blended;
        }

        arguments.Dx[line, column] += sum;
    }

    /// <summary>One axis as floats, which hold integers up to 2^24 exactly.</summary>
    private static Tensor Table(IlgpuDevice device, ResizeSources sources)
    {
        float[] values = [.. sources.First.Select(i => (float)i), .. sources.Outputs.Select(i => (float)i), .. sources.Weights];
        var table = device.Rent(1, values.Length);
        device.Upload(values, table);
        return table;
    }
}
