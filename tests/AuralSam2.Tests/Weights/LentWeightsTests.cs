using AuralSam2.Tests.Weights.Torch;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>Tensors that are laid out for a device straight from a mapped file are those that are read.</summary>
public sealed class LentWeightsTests : IDisposable
{
    private const int Count = 3 << 18; // 3 MB: several pages, and more than a piece of reading

    private static readonly float[] Values = [.. Enumerable.Range(0, Count).Select(i => i / 64f)];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(SafetensorsDType.F32, true)]
    [InlineData(SafetensorsDType.F64, false)]
    public void Floats_of_safetensors_are_lent_where_they_lie(SafetensorsDType dtype, bool isMapped)
    {
        SafetensorsWriter.Write(folder.File("w.safetensors"), null, [SafetensorsTensor.Of("w", [3, 1 << 18], Values, dtype)]);
        using var file = SafetensorsFile.Open(folder.File("w.safetensors"));
        Assert.Equal(isMapped, !((IWeightSource)file).Mapped("w", [3, 1 << 18]).IsEmpty);
        Check(file, "w", 3, 1 << 18);
        Check(file, "w", 3, 1 << 18); // the pages were given back and come again
    }

    [Fact]
    public void Floats_at_an_odd_place_are_copied()
    {
        const string tensors = """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}""";
        using var file = WeightFile.Open(folder.File("odd.safetensors", SafetensorsBytes.Of(tensors, 9)));
        Assert.True(((IWeightSource)file).Mapped("w", [2]).IsEmpty);
        using var lent = new WeightReader(file).Lend("w", 2);
        Assert.Equal([0, 0], lent.Values);
    }

    [Fact]
    public void A_set_lends_what_its_files_do()
    {
        var storage = WrittenStorage.Counting("0", 128);
        var fuser = folder.File("fuser.pt", TorchWriter.Zip(
            TorchWriter.StateDict(("module.train_proj_v1.proj.1.bias", TorchWriter.Tensor(storage, [128]))), storage));
        SafetensorsWriter.Write(folder.File("s.safetensors"), null, [SafetensorsTensor.Of("no_mem_embed", [3, 1 << 18], Values)]);
        using var set = WeightSet.Open(fuser, folder.File("s.safetensors"));
        Assert.False(((IWeightSource)set).Mapped("no_mem_embed", [3, 1 << 18]).IsEmpty);
        Check(set, "no_mem_embed", 3, 1 << 18);

        // Entries of a zip have a checksum: they are read.
        const string bias = "aural_fuser.train_proj_v1.proj.1.bias";
        Assert.True(((IWeightSource)set).Mapped(bias, [128]).IsEmpty);
        using var lent = new WeightReader(set).Lend(bias, 128);
        Assert.Equal(new WeightReader(set).Read(bias, 128), lent.Values);
    }

    [Fact]
    public void Nothing_of_another_shape_is_lent()
    {
        SafetensorsWriter.Write(folder.File("w.safetensors"), null, [SafetensorsTensor.Of("w", [Count], Values)]);
        using var file = SafetensorsFile.Open(folder.File("w.safetensors"));
        Assert.Contains("has shape [786432], expected [2]", Assert.Throws<WeightsException>(() => Lend(file, "w", 2)).Message);
        Assert.Contains("has no tensor 'v'", Assert.Throws<WeightsException>(() => Lend(file, "v", 2)).Message);
    }

    [Fact]
    public void Declaring_lends_nothing_and_counts()
    {
        var reader = WeightReader.ForDeclaring();
        using var lent = reader.Lend("w", 2, 3);
        Assert.True(lent.Values.IsEmpty);
        Assert.Equal(6, reader.ElementsDeclared);
        Assert.Equal("w", Assert.Single(reader.Declared).Name);
    }

    private static void Lend(IWeightSource source, string name, int size)
    {
        using var lent = new WeightReader(source).Lend(name, size);
    }

    private static void Check(IWeightSource source, string name, params ReadOnlySpan<int> shape)
    {
        var reader = new WeightReader(source);
        using var lent = reader.Lend(name, shape);
        Assert.True(lent.Values.SequenceEqual(Values));
        Assert.Equal(Count, reader.ElementsRead);
    }
}
