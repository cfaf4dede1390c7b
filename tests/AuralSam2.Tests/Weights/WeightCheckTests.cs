using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>Declaring, checking and reading the parameters of a model.</summary>
public class WeightCheckTests
{
    [Fact]
    public void Every_problem_is_reported_at_once()
    {
        using var source = new NamedTensors("small", ("a", [2, 3]), ("b", [4]), ("extra", [5]), ("bn.num_batches_tracked", []));
        ParameterSpec[] declared = [new("a", [3, 2]), new("b", [4]), new("gone", []), new("far", [7])];
        var error = Assert.Throws<WeightsException>(() => WeightCheck.Verify(source, declared));
        Assert.Equal(
            """
            small: of 4 tensors 2 are missing and 1 have another shape, 1 are unexpected; is this the file of another model? --model chooses
              missing: gone []
              missing: far [7]
              shape: a expected [3, 2], found [2, 3]
              unexpected: extra [5]
            """, error.Message, ignoreLineEndingDifferences: true);
    }

    [Theory]
    [InlineData("image_encoder.a", "give AuralFuser's file as well")]
    [InlineData("aural_fuser.a", "give SAM2's file as well")]
    public void Half_a_checkpoint_asks_for_the_other_half(string held, string advice)
    {
        using var source = new NamedTensors("half", (held, [2]));
        ParameterSpec[] declared = [new("image_encoder.a", [2]), new("aural_fuser.a", [2])];
        Assert.Contains(advice, Assert.Throws<WeightsException>(() => WeightCheck.Verify(source, declared)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_lists_are_cut_after_twenty()
    {
        using var source = new NamedTensors("s", [.. Enumerable.Range(0, 23).Select(i => ($"u{i}", Array.Empty<int>()))]);
        var declared = Enumerable.Range(0, 21).Select(i => new ParameterSpec($"m{i}", [i])).ToList();
        var lines = Assert.Throws<WeightsException>(() => WeightCheck.Verify(source, declared)).Message.Split('\n');
        Assert.Equal(1 + 21 + 21, lines.Length);
        Assert.Equal("  missing: m19 [19]", lines[20]);
        Assert.Equal("  missing: ... and 1 more", lines[21]);
        Assert.Equal("  unexpected: ... and 3 more", lines[42]);
    }

    [Fact]
    public void What_matches_passes()
    {
        using var source = new NamedTensors("s", ("a", [2]), ("head.x", [1]), ("n.num_batches_tracked", []));
        WeightCheck.Verify(source, [new("a", [2])], name => name.StartsWith("head."));
        Assert.Throws<WeightsException>(() => WeightCheck.Verify(source, [new("a", [2])]));
        using var rule = new RuleWeights();
        WeightCheck.Verify(rule, [new("anything", [1, 2, 3])]);
    }

    [Fact]
    public void One_walk_declares_and_reads()
    {
        static (float[], float[]) Model(WeightReader reader)
        {
            reader.Unused("unused", 9);
            return (reader.Read("w.weight", 2, 3), reader.Read("scalar"));
        }

        var declaring = WeightReader.ForDeclaring();
        Assert.True(declaring.Declaring);
        Assert.Equal(([], []), Model(declaring));
        var declared = declaring.Declared.Select(p => $"{p.Name} [{string.Join(',', p.Shape)}]");
        Assert.Equal(["unused [9]", "w.weight [2,3]", "scalar []"], declared);
        declaring.Read("scalar");
        Assert.Equal(3, declaring.Declared.Count);
        Assert.Throws<InvalidOperationException>(() => declaring.Read("scalar", 1));

        var told = new List<long>();
        using var rule = new RuleWeights();
        var reading = new WeightReader(rule) { Progress = new Immediately(told.Add) };
        var (weight, scalar) = Model(reading);
        var expected = new float[6];
        rule.Read("w.weight", [2, 3], expected);
        Assert.Equal(expected, weight);
        Assert.Single(scalar);
        Assert.Equal([6L, 7L], told);
        Assert.Equal(7, reading.ElementsRead);
        Assert.Empty(reading.Declared);
        Assert.False(reading.Declaring);
    }

    /// <summary>A source of names and shapes.</summary>
    private sealed class NamedTensors(string description, params (string Name, int[] Shape)[] tensors) : IWeightSource
    {
        public string Description => description;

        public IReadOnlyCollection<string> Names => [.. tensors.Select(t => t.Name)];

        public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => tensors.FirstOrDefault(t => t.Name == name).Shape;

        public void Read(string name, IReadOnlyList<int> shape, Span<float> destination) => destination.Clear();

        public void Dispose()
        {
        }
    }

    /// <summary>Progress without a synchronisation context.</summary>
    private sealed class Immediately(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
