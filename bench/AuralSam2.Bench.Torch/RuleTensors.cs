using System.Text;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// Tensors that follow from their names alone, so that two processes hold the same weights without a file: splitmix64 started at the
/// FNV-1a hash of the name. Written independently of the engine, whose own rule it thereby checks.
/// </summary>
internal static class RuleTensors
{
    private const double Unit = 1.0 / (1 << 24);

    /// <summary>A parameter under its official name, spread as its name and shape demand.</summary>
    public static Tensor Parameter(string name, params long[] shape)
    {
        var (offset, scale) = Spread(name, shape);
        return Uniform(name, offset, scale, shape);
    }

    /// <summary>Values in [offset - scale, offset + scale), row-major.</summary>
    public static Tensor Uniform(string name, double offset, double scale, params long[] shape)
    {
        var values = new float[Elements(shape)];
        var state = Hash(name);
        for (var i = 0; i < values.Length; i++)
        {
            var z = state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            z ^= z >> 31;
            values[i] = (float)(offset + (((2 * ((z >> 40) * Unit)) - 1) * scale));
            state += 0x9E3779B97F4A7C15;
        }

        return tensor(values, shape);
    }

    /// <summary>Centre and largest distance from it: a network of such parameters neither dies nor explodes.</summary>
    private static (double Offset, double Scale) Spread(string name, long[] shape) => name switch
    {
        _ when name.EndsWith("positional_encoding_gaussian_matrix") => (0, 1),
        _ when name.EndsWith("pred_obj_score_head.layers.2.bias") => (0.5, 0.02),
        _ when name.EndsWith(".gamma") => (0.3, 0.1),
        _ when name.EndsWith(".running_mean") => (0, 0.1),
        _ when name.EndsWith(".running_var") => (1, 0.1),
        _ when IsEmbedding(name) => (0, 0.5),
        // He's variance in VGGish, where a ReLU follows every layer; Glorot's elsewhere.
        _ when shape.Length >= 2 => (0, Math.Sqrt((name.Contains(".vgg.") ? 6.0 : 3.0) / Elements(shape[1..]))),
        _ when name.EndsWith(".weight") => (1, 0.1),
        _ when name.EndsWith(".bias") => (0, 0.02),
        _ => (0, 0.5),
    };

    /// <summary>Vectors that are looked up or added, not multiplied with.</summary>
    private static bool IsEmbedding(string name) =>
        name.EndsWith(".pos_embed") || name.EndsWith(".pos_embed_window") || name.EndsWith("_embed.weight") || name.EndsWith("_token.weight")
        || name.EndsWith("_tokens.weight") || name.Contains(".point_embeddings.") || name is "maskmem_tpos_enc" or "no_mem_embed" or "no_obj_ptr";

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, dim) => product * dim);

    private static ulong Hash(string name)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var b in Encoding.UTF8.GetBytes(name)) hash = (hash ^ b) * 0x100000001b3;
        return hash;
    }
}
