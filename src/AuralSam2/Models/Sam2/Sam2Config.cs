namespace AuralSam2.Models.Sam2;

/// <summary>Which release a checkpoint belongs to.</summary>
public enum Sam2Version
{
    /// <summary>July 2024; what AuralSAM2 was trained on.</summary>
    V20,

    /// <summary>September 2024: three more tensors (absent objects, time of object pointers).</summary>
    V21,
}

/// <summary>Shape of a Hiera trunk (SPEC 1.1).</summary>
/// <param name="EmbedDim">Channels of the first stage; they double at every stage.</param>
/// <param name="Heads">Attention heads of the first stage; they double too.</param>
/// <param name="Blocks">Blocks per stage.</param>
/// <param name="GlobalBlocks">Blocks that attend to the whole image.</param>
/// <param name="Windows">Window edge per stage; a q-pool block still uses the stage before.</param>
/// <param name="PositionEdge">Edge of the stored background position table.</param>
public sealed record HieraConfig(int EmbedDim, int Heads, int[] Blocks, int[] GlobalBlocks, int[] Windows, int PositionEdge)
{
    /// <summary>Channels after each stage.</summary>
    public int Channels(int stage) => EmbedDim << stage;
}

/// <summary>Everything that tells one SAM2 from another.</summary>
/// <param name="Name">t, s, b+, l, or mini (the fixtures' own).</param>
/// <param name="Version">2.0 or 2.1.</param>
/// <param name="ImageSize">Edge of the square input in pixels.</param>
/// <param name="Trunk">The image encoder's trunk.</param>
/// <param name="MemoryLayers">Layers of memory attention.</param>
public sealed record Sam2Config(string Name, Sam2Version Version, int ImageSize, HieraConfig Trunk, int MemoryLayers)
{
    /// <summary>Whether frames before a conditioning frame do not see its object pointer; false in one published Ref-AVS configuration.</summary>
    public bool OnlyPastPointers { get; init; } = true;

    /// <summary>Cells of an edge of the stride-16 grid on which masks are decoded.</summary>
    public int Grid => ImageSize / 16;

    /// <summary>Names that <see cref="Named"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["t", "s", "b+", "l", "mini"];

    /// <summary>The configuration of a published size.</summary>
    /// <param name="name">t, s, b+, l or mini.</param>
    /// <param name="version">2.0 or 2.1.</param>
    /// <param name="imageSize">Edge of the input; null takes the published one (1024; mini 128).</param>
    /// <exception cref="ArgumentException">An unknown name, or a size that is no multiple of 32.</exception>
    public static Sam2Config Named(string name, Sam2Version version = Sam2Version.V20, int? imageSize = null)
    {
        var trunk = name switch
        {
            "t" => new HieraConfig(96, 1, [1, 2, 7, 2], [5, 7, 9], [8, 4, 14, 7], 7),
            "s" => new HieraConfig(96, 1, [1, 2, 11, 2], [7, 10, 13], [8, 4, 14, 7], 7),
            "b+" => new HieraConfig(112, 2, [2, 3, 16, 3], [12, 16, 20], [8, 4, 14, 7], 14),
            "l" => new HieraConfig(144, 2, [2, 6, 36, 4], [23, 33, 43], [8, 4, 16, 8], 7),
            "mini" => new HieraConfig(16, 1, [1, 2, 3, 1], [4], [8, 4, 14, 7], 7),
            _ => throw new ArgumentException($"no model '{name}': choose one of {string.Join(", ", Names)}"),
        };
        var size = imageSize ?? (name == "mini" ? 128 : 1024);
        if (size < 64 || size % 32 != 0) throw new ArgumentException($"image size {size}: a multiple of 32, at least 64");
        return new Sam2Config(name, version, size, trunk, name == "mini" ? 2 : 4);
    }
}
