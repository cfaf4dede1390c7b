using System.Runtime.CompilerServices;
using System.Text;

namespace AuralSam2.Weights;

/// <summary>
/// Pseudo-random tensors that depend on nothing but a seed and a name, bit for bit the same on every machine. Element i of a tensor
/// is output i of splitmix64 (Steele, Lea and Flood, OOPSLA 2014) started at FNV-1a-64 of seed + name.
/// </summary>
public static class RuleTensor
{
    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;

    /// <summary>Elements that one task fills.</summary>
    private const int ChunkElements = 1 << 16;

    private static readonly string[] EmbeddingNames =
    [
        "point_embeddings.0.weight", "point_embeddings.1.weight", "point_embeddings.2.weight", "point_embeddings.3.weight",
        "not_a_point_embed.weight", "no_mask_embed.weight", "iou_token.weight", "mask_tokens.weight", "obj_score_token.weight",
        "pos_embed", "pos_embed_window", "maskmem_tpos_enc", "no_mem_embed", "no_mem_pos_enc", "no_obj_ptr", "no_obj_embed_spatial",
    ];

    /// <summary>Element <paramref name="index"/> in [0, 1): a multiple of 2^-24.</summary>
    public static double Unit(string seed, string name, long index) => Unit(Hash(seed, name) + (ulong)index * GoldenRatio);

    /// <summary>Fills with <c>offset + (2 u - 1) scale</c>, evaluated in float64 and rounded once.</summary>
    /// <param name="seed">Prefix of the name; usually empty.</param>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="offset">Centre of the values.</param>
    /// <param name="scale">Largest distance from the centre.</param>
    /// <param name="destination">Elements, row-major.</param>
    /// <param name="start">Index of the first of them within the tensor.</param>
    public static unsafe void Fill(string seed, string name, double offset, double scale, Span<float> destination, long start = 0)
    {
        var first = Hash(seed, name) + (ulong)start * GoldenRatio;
        if (destination.Length <= ChunkElements)
        {
            FillChunk(first, offset, scale, destination);
            return;
        }

        var length = destination.Length;
        fixed (float* pinned = destination)
        {
            var values = pinned;
            var chunks = (int)(((long)length + ChunkElements - 1) / ChunkElements);
            Parallel.For(0, chunks, chunk =>
            {
                var from = chunk * ChunkElements;
                var part = new Span<float>(values + from, Math.Min(ChunkElements, length - from));
                FillChunk(first + (ulong)from * GoldenRatio, offset, scale, part);
            });
        }
    }

    /// <summary>Centre and spread that suit a parameter, so that a network of them neither dies nor explodes. First match wins.</summary>
    /// <param name="name">Official parameter name.</param>
    /// <param name="shape">Its shape.</param>
    public static (double Offset, double Scale) OffsetAndScale(string name, IReadOnlyList<int> shape)
    {
        bool EndsWith(string suffix) => name.EndsWith(suffix, StringComparison.Ordinal);
        bool Contains(string part) => name.Contains(part, StringComparison.Ordinal);
        bool Is(string suffix) => EndsWith(suffix) && (name.Length == suffix.Length || name[^(suffix.Length + 1)] == '.');

        if (EndsWith("num_batches_tracked")) return (0, 0);
        if (EndsWith("positional_encoding_gaussian_matrix")) return (0, 1);
        if (EndsWith("pred_obj_score_head.layers.2.bias")) return (0.5, 0.02);
        if (EndsWith(".gamma")) return (0.3, 0.1);
        if (EndsWith("running_mean")) return (0, 0.1);
        if (EndsWith("running_var")) return (1, 0.1);
        if (Array.Exists(EmbeddingNames, Is)) return (0, 0.5);
        if (shape.Count >= 2)
        {
            // He's variance where a ReLU follows every layer, Glorot's elsewhere.
            var beforeRelu = Contains("vgg.features.") || Contains("vgg.embeddings.");
            var fanIn = shape.Skip(1).Aggregate(1.0, (product, dim) => product * dim);
            return (0, Math.Sqrt((beforeRelu ? 6 : 3) / fanIn));
        }

        if (shape.Count == 1 && Is("weight")) return (1, 0.1);
        if (shape.Count == 1 && Is("bias")) return (0, 0.02);
        return (0, 0.5);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FillChunk(ulong state, double offset, double scale, Span<float> destination)
    {
        for (var i = 0; i < destination.Length; i++, state += GoldenRatio)
            destination[i] = (float)(offset + (2 * Unit(state) - 1) * scale);
    }

    /// <summary>splitmix64's finaliser, its upper 24 bits as a fraction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Unit(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (long)((z ^ (z >> 31)) >> 40) * (1.0 / (1 << 24));
    }

    internal static ulong Hash(string seed, string name)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var b in Encoding.UTF8.GetBytes(seed + name)) hash = (hash ^ b) * 0x100000001b3;
        return hash;
    }
}
