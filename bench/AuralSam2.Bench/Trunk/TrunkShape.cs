namespace AuralSam2.Bench;

/// <summary>Sizes of SAM2's four Hiera trunks, and the work in them. Shared with the peer, so that both race over the same course.</summary>
/// <param name="Model">Name on the command line.</param>
/// <param name="Embed">Channels of the first stage; they double with every stage.</param>
/// <param name="Heads">Attention heads of the first stage; they double with every stage.</param>
/// <param name="Stages">Blocks in each stage.</param>
/// <param name="Windows">Side of the attention windows in each stage, in tokens.</param>
/// <param name="GlobalBlocks">Blocks that attend to the whole image.</param>
/// <param name="PositionGrid">Side of the learned position embedding before it is resized.</param>
internal sealed record TrunkShape(string Model, int Embed, int Heads, int[] Stages, int[] Windows, int[] GlobalBlocks, int PositionGrid)
{
    private static readonly TrunkShape[] All =
    [
        new("t", 96, 1, [1, 2, 7, 2], [8, 4, 14, 7], [5, 7, 9], 7),
        new("s", 96, 1, [1, 2, 11, 2], [8, 4, 14, 7], [7, 10, 13], 7),
        new("b+", 112, 2, [2, 3, 16, 3], [8, 4, 14, 7], [12, 16, 20], 14),
        new("l", 144, 2, [2, 6, 36, 4], [8, 4, 16, 8], [23, 33, 43], 7),
    ];

    /// <summary>The names that <see cref="Of"/> knows.</summary>
    public static string[] Models { get; } = [.. All.Select(shape => shape.Model)];

    /// <summary>The trunk of that name.</summary>
    public static TrunkShape Of(string model) =>
        All.FirstOrDefault(shape => shape.Model == model) ?? throw new ArgumentException($"no trunk '{model}'; there are {string.Join(", ", Models)}");

    /// <summary>The blocks in order. The first block of a later stage halves the grid but still uses the windows of the stage before.</summary>
    public IEnumerable<BlockShape> Blocks(int imageSize)
    {
        var (index, grid, channels, heads) = (0, imageSize / 4, Embed, Heads);
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            for (var i = 0; i < Stages[stage]; i++, index++)
            {
                var halves = stage > 0 && i == 0;
                var window = GlobalBlocks.Contains(index) ? 0 : Windows[halves ? stage - 1 : stage];
                if (halves) heads *= 2;
                var output = halves ? channels * 2 : channels;
                yield return new BlockShape(index, channels, output, heads, window, grid, EndsStage: i == Stages[stage] - 1);
                channels = output;
                if (halves) grid /= 2;
            }
        }
    }

    /// <summary>
    /// 10^9 floating-point operations that one image needs, a multiply-add counting two: matrix products and attention, without the
    /// projections of the zero tokens that pad the windows, which PyTorch computes and an implementation may skip.
    /// </summary>
    public double Gflop(int imageSize)
    {
        var patches = Math.Pow(imageSize / 4, 2);
        return ((2 * patches * Embed * 3 * 7 * 7) + Blocks(imageSize).Sum(block => block.Flops)) / 1e9;
    }
}

/// <summary>One block of a trunk.</summary>
/// <param name="Index">Position in the trunk.</param>
/// <param name="Input">Channels that enter.</param>
/// <param name="Output">Channels that leave.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Window">Side of the attention windows, or 0 where a block attends to the whole grid.</param>
/// <param name="Grid">Side of the token grid that enters.</param>
/// <param name="EndsStage">Whether what leaves is one of the trunk's four feature maps.</param>
internal readonly record struct BlockShape(int Index, int Input, int Output, int Heads, int Window, int Grid, bool EndsStage)
{
    /// <summary>Whether the block halves the grid and doubles the channels.</summary>
    public bool Halves => Input != Output;

    /// <summary>Floating-point operations on the tokens of the image; the padding of a window counts as keys only.</summary>
    public double Flops
    {
        get
        {
            double tokens = Grid * Grid;
            var queries = Halves ? tokens / 4 : tokens;
            var keys = Window == 0 ? tokens : Window * Window;
            var qkv = 2 * tokens * Input * 3 * Output;
            var shortcut = Halves ? 2 * tokens * Input * Output : 0;
            var attention = 4 * queries * keys * Output;
            var projectionAndMlp = 2 * queries * Output * Output * 9;
            return qkv + shortcut + attention + projectionAndMlp;
        }
    }
}
