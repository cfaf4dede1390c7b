using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>The writer's promises: same input, same bytes; a whole file or the previous one.</summary>
public class SafetensorsWriterTests
{
    [Fact]
    public void A_tensor_that_throws_midway_leaves_the_previous_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("model.safetensors");
        SafetensorsWriter.Write(path, null, [SafetensorsTensor.Of("w", [2], new float[] { 1, 2 })]);
        var before = File.ReadAllBytes(path);

        var good = SafetensorsTensor.Of("w", [100_000], new float[100_000]);
        var bad = SafetensorsTensor.Of("v", [1], () => throw new InvalidTimeZoneException());
        Assert.Throws<InvalidTimeZoneException>(() => SafetensorsWriter.Write(path, null, [good, bad]));

        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_tensor_that_makes_another_number_of_values_is_refused()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("model.safetensors");
        var error = Assert.Throws<InvalidOperationException>(() =>
            SafetensorsWriter.Write(path, null, [SafetensorsTensor.Of("w", [3], () => new float[2])]));
        Assert.Equal("tensor w [3] wrote 8 bytes, expected 12", error.Message);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Throws<ArgumentException>(() => SafetensorsTensor.Of("w", [3], new float[2]));
        Assert.Throws<ArgumentException>(() => SafetensorsTensor.Of("__metadata__", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => SafetensorsTensor.Of("", [1], new float[1]));
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_named()
    {
        using var folder = new TemporaryFolder();
        foreach (var path in new[] { Path.Combine(folder.Path, "no", "folder.safetensors"), folder.Path })
        {
            var error = Assert.Throws<WeightsException>(() => SafetensorsWriter.Write(path, null, []));
            Assert.StartsWith($"{path}: cannot be written", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(folder.Path)!, $".{Path.GetFileName(folder.Path)}*"));
    }

    [Fact]
    public void Two_tensors_of_one_name_are_refused()
    {
        using var folder = new TemporaryFolder();
        var twice = SafetensorsTensor.Of("w", [1], new float[1]);
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder.File("m.safetensors"), null, [twice, twice]));
    }

    [Fact]
    public void The_same_input_gives_the_same_bytes_and_data_starts_on_eight_bytes()
    {
        using var folder = new TemporaryFolder();
        var (first, second) = (folder.File("1.safetensors"), folder.File("2.safetensors"));
        SafetensorsTensor[] tensors = [SafetensorsTensor.Of("z", [2], new float[2]), SafetensorsTensor.Of("a", [], new double[1])];
        SafetensorsWriter.Write(first, new Dictionary<string, string> { ["b"] = "1", ["a"] = "2" }, tensors);
        SafetensorsWriter.Write(second, new Dictionary<string, string> { ["a"] = "2", ["b"] = "1" }, tensors);
        Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));

        using var file = SafetensorsFile.Open(first);
        Assert.Equal(["z", "a"], file.Names);
        Assert.Equal(0, file.Tensors["z"].Offset % 8);
    }

    [Fact]
    public void What_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not()
    {
        using var folder = new TemporaryFolder();
        folder.File(".w.safetensors.aaaaaaaa.aaa.tmp", new byte[8]);
        folder.File(".v.safetensors.aaaaaaaa.aaa.tmp", new byte[8]);
        folder.File(".w.safetensors.mine.tmp", new byte[8]);
        using (new FileStream(folder.File(".w.safetensors.bbbbbbbb.bbb.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None))
            SafetensorsWriter.Write(folder.File("w.safetensors"), null, [SafetensorsTensor.Of("w", [1], new float[1])]);
        Assert.Equal(
            [".v.safetensors.aaaaaaaa.aaa.tmp", ".w.safetensors.bbbbbbbb.bbb.tmp", ".w.safetensors.mine.tmp", "w.safetensors"],
            Directory.GetFiles(folder.Path).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_tensor_of_another_file_is_copied_byte_for_byte()
    {
        using var folder = new TemporaryFolder();
        var entry = SafetensorsBytes.Entry("q", "F8_E4M3", "[3]", "[0,3]");
        var bytes = SafetensorsBytes.Of($"{{{entry}}}", 3);
        bytes[^1] = 0x7E;
        using var source = SafetensorsFile.Open(folder.File("source.safetensors", bytes));
        SafetensorsWriter.Write(folder.File("copy.safetensors"), source.Metadata, [SafetensorsTensor.Of(source, "q")]);
        using var copy = SafetensorsFile.Open(folder.File("copy.safetensors"));
        Assert.Equal(SafetensorsDType.F8E4M3, copy.Tensors["q"].DType);
        Assert.Equal(source.RawBytes("q"), copy.RawBytes("q"));
    }
}
