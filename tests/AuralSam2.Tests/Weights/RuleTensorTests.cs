using System.Globalization;
using System.Text.Json;
using AuralSam2.Testing;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>The rule behind every golden fixture, bit for bit.</summary>
public class RuleTensorTests
{
    /// <summary>The rule's own test vectors: name, shape, offset, scale, then index and float32 bits of three elements.</summary>
    public static TheoryData<string, int[], double, double, int[], uint[]> Vectors { get; } = new()
    {
        {
            "image_encoder.trunk.patch_embed.proj.weight", [96, 3, 7, 7], 0, 0.14285714285714285,
            [0, 1, 14111], [0xbe116829, 0xbc653b92, 0xbe0fd608]
        },
        { "sam_mask_decoder.mask_tokens.weight", [4, 256], 0, 0.5, [0, 1, 1023], [0xbdbfe768, 0xbef5a546, 0xbe4014f0] },
        { "memory_encoder.fuser.layers.0.gamma", [256], 0.3, 0.1, [0, 1, 255], [0x3e740867, 0x3e72817b, 0x3e84b253] },
        { "aural_fuser.vgg.features.0.weight", [64, 1, 3, 3], 0, 0.816496580927726, [0, 1, 575], [0xbf4db7c5, 0x3eaad48a, 0x3f0287e8] },
        { "aural_fuser.fusion_modules.0.W_z.1.running_var", [256], 1, 0.1, [0, 1, 255], [0x3f84ffba, 0x3f82dcfa, 0x3f6c527e] },
        { "sam_mask_decoder.pred_obj_score_head.layers.2.bias", [1], 0.5, 0.02, [0], [0x3f009976] },
    };

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Weights_match_the_test_vectors(string name, int[] shape, double offset, double scale, int[] indices, uint[] bits)
    {
        Assert.Equal((offset, scale), RuleTensor.OffsetAndScale(name, shape));
        using var weights = new RuleWeights();
        var values = new float[shape.Aggregate(1, (a, b) => a * b)];
        weights.Read(name, shape, values);
        Assert.Equal(bits, indices.Select(i => BitConverter.SingleToUInt32Bits(values[i])));
    }

    [Fact]
    public void An_input_large_enough_for_several_threads_matches_the_test_vector()
    {
        var values = new float[3 * 1024 * 1024];
        RuleTensor.Fill("", "input.image", 0, 2, values);
        int[] indices = [0, 1, 3145727];
        Assert.Equal([0xbf06052cu, 0xbfdfcb00u, 0xbefca7a8u], indices.Select(i => BitConverter.SingleToUInt32Bits(values[i])));
        for (var i = 0; i < values.Length; i += 997)
            Assert.Equal((float)((2 * RuleTensor.Unit("", "input.image", i) - 1) * 2), values[i]);
    }

    [Fact]
    public void A_part_is_the_part_of_the_whole()
    {
        var whole = new float[200_000];
        RuleTensor.Fill("seed/", "t", 0.25, 3, whole);
        foreach (var (start, length) in new[] { (0, 1), (1, 7), (63, 66_000), (199_999, 1), (200_000, 0) })
        {
            var part = new float[length];
            RuleTensor.Fill("seed/", "t", 0.25, 3, part, start);
            Assert.Equal(whole[start..(start + length)], part);
        }
    }

    [Fact]
    public void A_seed_is_a_prefix_of_the_name()
    {
        Assert.Equal(RuleTensor.Unit("", "ab", 5), RuleTensor.Unit("a", "b", 5));
        Assert.NotEqual(RuleTensor.Unit("", "b", 5), RuleTensor.Unit("a", "b", 5));
        var (plain, seeded) = (new float[4], new float[4]);
        using var weights = new RuleWeights("s");
        weights.Read("x.weight", [4], seeded);
        new RuleWeights().Read("x.weight", [4], plain);
        Assert.NotEqual(plain, seeded);
        Assert.Equal([4], weights.ShapeOf("x.weight", [4]));
        Assert.Empty(weights.Names);
    }

    [Fact]
    public void Offset_and_scale_of_every_official_parameter_match()
    {
        var tables = Directory.GetFiles(Repository.SharedOrSkip("params"), "*.tsv");
        Assert.NotEmpty(tables);
        foreach (var row in tables.SelectMany(table => File.ReadLines(table).Skip(1)).Where(row => row.Length > 0))
        {
            var columns = row.Split('\t');
            var shape = JsonSerializer.Deserialize<int[]>(columns[1])!;
            var expected = (double.Parse(columns[4], CultureInfo.InvariantCulture), double.Parse(columns[5], CultureInfo.InvariantCulture));
            Assert.True(expected == RuleTensor.OffsetAndScale(columns[0], shape), row);
        }
    }

    [Theory]
    [InlineData("pos_embed", new[] { 1, 2 }, 0, 0.5)]
    [InlineData("xpos_embed", new[] { 1, 3 }, 0, 1)]
    [InlineData("a.no_mem_embed", new[] { 1, 1, 4 }, 0, 0.5)]
    [InlineData("a.weights", new[] { 4 }, 0, 0.5)]
    [InlineData("weight", new[] { 4 }, 1, 0.1)]
    [InlineData("bias", new[] { 4 }, 0, 0.02)]
    [InlineData("a.num_batches_tracked", new int[0], 0, 0)]
    [InlineData("logit_scale", new int[0], 0, 0.5)]
    public void The_first_matching_row_wins(string name, int[] shape, double offset, double scale) =>
        Assert.Equal((offset, scale), RuleTensor.OffsetAndScale(name, shape));
}
