using System.Text.Json;
using AuralSam2.Testing;
using AuralSam2.Weights;
using AuralSam2.Weights.Torch;
using Xunit;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>Checkpoints that PyTorch itself wrote, good and bad, and the heads of published ones.</summary>
public class SharedCheckpointTests
{
    /// <summary>Bytes that a bad file may make a reader allocate.</summary>
    private const long FewMegabytes = 4 << 20;

    [Theory]
    [InlineData("zip_model.pt", "", "model")]
    [InlineData("zip_parameters.pt", "", "")]
    [InlineData("legacy.pth", "", "")]
    [InlineData("zip_training_state.pt", "module.", "model")]
    public void A_good_file_equals_what_PyTorch_reads(string name, string prefix, string location)
    {
        using var expected = SafetensorsFile.Open(Repository.SharedOrSkip("checkpoints", "torch", "expected.safetensors"));
        using var file = TorchCheckpoint.Open(Repository.SharedOrSkip("checkpoints", "torch", name));
        Assert.Equal(location, file.Location);
        Assert.Equal(expected.Names.Select(n => prefix + n).Order(), file.Names.Order());
        foreach (var tensor in expected.Tensors.Values)
        {
            var found = file.Find(prefix + tensor.Name)!;
            // The recording keeps scalars as vectors of one, truth values as bytes, and 16-bit floats as float32.
            Assert.Equal(tensor.Shape, found.Shape.Count == 0 ? [1] : found.Shape);
            if (tensor.DType == SafetensorsDType.F32) Assert.Equal(expected.ReadFloats(tensor.Name), file.ReadFloats(found.Name));
            else Assert.Equal(expected.RawBytes(tensor.Name).ToArray(), Raw(file, found));
        }
    }

    [Fact]
    public void The_training_state_beside_the_weights_is_left()
    {
        using var file = TorchCheckpoint.Open(Repository.SharedOrSkip("checkpoints", "torch", "zip_training_state.pt"));
        Assert.Equal(["epoch", "lr", "note", "optimizer"], file.Ignored.Order());
    }

    [Theory]
    [InlineData("hostile_reduce.pt", "its pickle asks for 'posix.system' (byte 28)")]
    [InlineData("short_storage.pt", "storage '0' of tensor 'image_encoder.neck.convs.0.conv.weight' has 64 bytes, expected 128")]
    [InlineData("flipped_byte.pt", "entry 'zip_model/data/0' has other contents in the record behind it")]
    [InlineData("zip_bomb.pt", "claims to inflate from 130484 to 134217730 bytes")]
    [InlineData("truncated_half.pt", "the file is cut short: storage '3' of tensor 'double.weight' (72 bytes) is not in its 1967 bytes")]
    [InlineData("truncated_tail.pt", "the file is cut short: what should stand at its end is missing")]
    public void A_bad_file_is_refused_and_runs_nothing(string name, string reason)
    {
        var path = Repository.SharedOrSkip("checkpoints", "torch", name);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<WeightsException>(() =>
        {
            using var file = WeightFile.Open(path);
            foreach (var entry in file.Entries) Raw(file, entry);
        });
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, FewMegabytes);
        Assert.StartsWith($"{path}: ", error.Message);
        Assert.Contains(reason, error.Message);
        Assert.Contains("; ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.False(File.Exists("CODE_FROM_CHECKPOINT_RAN"));
    }

    [Theory]
    [InlineData("tiny", 471)]
    [InlineData("large", 903)]
    public void A_published_file_that_was_cut_lists_all_its_tensors(string size, int tensors)
    {
        var path = Repository.SharedOrSkip("checkpoints", $"sam2.1_hiera_{size}.trunc.pt");
        using var keys = JsonDocument.Parse(File.ReadAllBytes(path + ".keys.json"));
        using var file = WeightFile.Open(path);
        Assert.Equal(tensors, file.Entries.Count);
        Assert.Equal(
            keys.RootElement.EnumerateObject().Select(p => $"{p.Name} {p.Value.GetProperty("shape").ToString().ReplaceLineEndings("")} F32"),
            file.Entries.Select(e => $"{e.Name} [{string.Join(',', e.Shape)}] {e.DType.Tag()}"));
        Assert.Equal("storage '2' of tensor 'no_mem_pos_enc' (1024 bytes) is not in its 1310720 bytes", file.CutShort);
        var error = Assert.Throws<WeightsException>(() => file.ReadFloats("maskmem_tpos_enc"));
        Assert.Equal($"{path}: the file is cut short: {file.CutShort}; download or copy it again", error.Message);
    }

    private static byte[] Raw(WeightFile file, WeightEntry entry)
    {
        using var elements = file.OpenElements(entry.Name);
        var bytes = new byte[entry.ByteLength];
        elements.ReadExactly(bytes);
        return bytes;
    }
}
