using AuralSam2.Kernels;

namespace AuralSam2.Ladder;

/// <summary>The versions of one kernel, from the definition to what the engine runs.</summary>
internal sealed record KernelLadder
{
    /// <summary>Name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>What is computed.</summary>
    public required string Formula { get; init; }

    /// <summary>What the numbers of a shape are.</summary>
    public required string ShapeForm { get; init; }

    /// <summary>The shape that is timed: one of Hiera t at 1024 x 1024.</summary>
    public required int[] Shape { get; init; }

    /// <summary>The shape that <c>--quick</c> times.</summary>
    public required int[] QuickShape { get; init; }

    /// <summary>Shapes on which every rung is compared with the reference: one of everything, less than a tile, more than a tile.</summary>
    public required int[][] OddShapes { get; init; }

    /// <summary>Makes the operands of a shape.</summary>
    public required Func<CpuDevice, int[], Problem> Open { get; init; }

    /// <summary>First to last; the last is the engine's.</summary>
    public required Rung[] Rungs { get; init; }

    public static KernelLadder Gemm { get; } = new()
    {
        Name = "gemm",
        Formula = "y = x W^T + b",
        ShapeForm = "rows x inputs x outputs",
        Shape = [4096, 384, 1152],
        QuickShape = [512, 384, 576],
        OddShapes = [[1, 1, 1], [5, 7, 3], [8, 16, 48], [67, 97, 113], [130, 20, 50]],
        Open = (device, s) => new GemmProblem(device, s[0], s[1], s[2]),
        Rungs =
        [
            GemmNaive.Rung, GemmLoopOrder.Rung, GemmPointers.Rung, GemmSimd.Rung, GemmRegisterTile.Rung, GemmPackedPanels.Rung,
            GemmRowBlocks.Rung, GemmTallTile.Rung, GemmFinal.Rung,
        ],
    };

    public static KernelLadder Attention { get; } = new()
    {
        Name = "attention",
        Formula = "y = softmax(q k^T / sqrt(d)) v",
        ShapeForm = "tokens x heads x head dimension",
        Shape = [4096, 1, 96],
        QuickShape = [1024, 1, 96],
        OddShapes = [[1, 1, 1], [7, 2, 5], [48, 1, 16], [65, 3, 24], [197, 2, 33], [515, 1, 96]],
        Open = (device, s) => new AttentionProblem(device, s[0], s[1], s[2]),
        Rungs =
        [
            AttentionNaive.Rung, AttentionRowByRow.Rung, AttentionSimd.Rung, AttentionExpPolynomial.Rung, AttentionRegisterTiles.Rung,
            AttentionTallTiles.Rung, AttentionOnlineSoftmax.Rung, AttentionFinal.Rung,
        ],
    };

    public static KernelLadder LayerNormGemm { get; } = new()
    {
        Name = "layernorm-gemm",
        Formula = "y = layerNorm(x) W^T + b",
        ShapeForm = "rows x inputs x outputs",
        Shape = [65536, 96, 288],
        QuickShape = [8192, 96, 288],
        OddShapes = [[1, 1, 1], [5, 7, 3], [67, 97, 113], [130, 20, 50]],
        Open = (device, s) => new LayerNormGemmProblem(device, s[0], s[1], s[2]),
        Rungs =
        [
            LayerNormWelford.Rung, LayerNormTwoPasses.Rung, LayerNormFourSums.Rung, LayerNormSimd.Rung, LayerNormThreads.Rung,
            LayerNormBands.Rung, LayerNormGemmFinal.Rung,
        ],
    };

    /// <summary>All ladders.</summary>
    public static KernelLadder[] All { get; } = [Gemm, Attention, LayerNormGemm];

    /// <summary>
    /// What the largest error over the odd shapes takes of the budget, for every rung; above 1 it is wrong. Of the longest shape some rows
    /// are compared.
    /// </summary>
    public double[] ErrorsOfBudget(CpuDevice device)
    {
        const int mostRows = 200;
        var errors = new double[Rungs.Length];
        foreach (var shape in OddShapes)
        {
            using var problem = Open(device, shape);
            for (var i = 0; i < errors.Length; i++)
                errors[i] = Math.Max(errors[i], problem.ErrorOfBudget(Rungs[i].Bind(problem), mostRows));
        }

        return errors;
    }
}
