using System.IO.Compression;
using System.Text;
using AuralSam2.Weights;
using AuralSam2.Weights.Torch;
using Xunit;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>The zip around a checkpoint: every way to write it right, and every way to write it wrong.</summary>
public sealed class ZipLayoutTests : IDisposable
{
    private static readonly WrittenStorage Storage = WrittenStorage.Counting("0", 600);
    private static readonly PickledDictionary Root = TorchWriter.StateDict(("w", TorchWriter.Tensor(Storage, [20, 30])));

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false, false, false, false)]
    [InlineData(false, true, false, false)]
    [InlineData(true, false, false, true)]
    [InlineData(true, true, false, false)]
    [InlineData(false, false, true, false)]
    [InlineData(false, true, true, true)]
    [InlineData(true, true, true, true)]
    public void Stored_or_deflated_lengths_before_or_behind_wide_or_narrow(bool deflated, bool lengthsFollow, bool zip64, bool zip64End)
    {
        var files = TorchWriter.Entries(
            Root, [Storage], change: file => file with { Deflated = deflated, LengthsFollow = lengthsFollow, Zip64 = zip64 });
        using var file = Open(ZipWriter.Write(files, zip64End));
        Assert.Equal(Enumerable.Range(0, 600).Select(i => (float)i), file.ReadFloats("w"));
        Assert.Equal(WeightFormat.TorchZip, file.Format);
        file.EnsureWhole();
    }

    [Theory]
    [InlineData("archive")]
    [InlineData("sam2_hiera_L")]
    [InlineData("a/b")]
    [InlineData("für.pt")]
    public void The_folder_in_the_zip_has_any_name(string name)
    {
        using var file = Open(ZipWriter.Write([.. TorchWriter.Entries(Root, [Storage], name), new ZippedFile("__MACOSX/._data", [1, 2])]));
        Assert.Equal(600, file.ReadFloats("w").Length);
    }

    [Fact]
    public void A_comment_at_the_end_and_the_signature_of_an_end_in_it_do_no_harm()
    {
        using var file = Open(ZipWriter.Write(TorchWriter.Entries(Root, [Storage]), true, comment: "PK\u0005\u0006" + new string('x', 40)));
        Assert.Equal(600, file.ReadFloats("w").Length);
    }

    [Fact]
    public void The_zip_of_the_standard_library_is_read_too()
    {
        var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var entry in TorchWriter.Entries(Root, [Storage]))
            {
                using var stream = archive.CreateEntry(entry.Name, CompressionLevel.Optimal).Open();
                stream.Write(entry.Contents);
            }
        }

        using var file = Open(zip.ToArray());
        Assert.Equal(599, file.ReadFloats("w")[^1]);
    }

    /// <summary>Entry to change, what is wrong with it, what the message must say.</summary>
    [Theory]
    [InlineData("data/0", "flip", "entry 'archive/data/0' has the checksum")]
    [InlineData("data.pkl", "flip", "entry 'archive/data.pkl' has the checksum")]
    [InlineData("data/0", "deflated flip", "entry 'archive/data/0' has the checksum")]
    [InlineData("data.pkl", "deflated flip", "entry 'archive/data.pkl' has the checksum")]
    [InlineData("data/0", "no deflate", "entry 'archive/data/0' does not inflate")]
    [InlineData("data/0", "inflates short", "has 2404 bytes, expected 2400")]
    [InlineData("data.pkl", "inflates short", "inflates to")]
    [InlineData("data.pkl", "inflates long", "inflates to more than the")]
    [InlineData("data/0", "stored length", "is stored in 2400 bytes, expected 2404")]
    [InlineData("data/0", "bomb", "claims to inflate from")]
    [InlineData("data/0", "encrypted", "entry 'archive/data/0' is encrypted")]
    [InlineData("data/0", "method", "is compressed by method 12")]
    [InlineData("data/0", "local name", "is called or stored otherwise in its own header")]
    [InlineData("data/0", "twice", "entry 'archive/data/0' is there twice")]
    [InlineData("data/0", "beyond", "has no header at byte 1000000")]
    [InlineData("data/0", "zip64 negative", "a zip64 size is 18446744073709551615")]
    [InlineData("data/0", "missing", "storage '0' of tensor 'w' (2400 bytes) is not in the file")]
    [InlineData("data/0", "short", "storage '0' of tensor 'w' has 2396 bytes, expected 2400")]
    [InlineData("data.pkl", "missing", "is a zip with no data.pkl")]
    [InlineData("data.pkl", "second", "is a zip with more than one data.pkl")]
    [InlineData("byteorder", "big", "was written big-endian")]
    [InlineData("version", "script", "is a TorchScript program")]
    public void A_broken_entry_is_refused(string name, string fault, string reason)
    {
        var files = TorchWriter.Entries(Root, [Storage], change: file => file);
        var at = files.FindIndex(file => file.Name == "archive/" + name);
        var good = files[at];
        var flipped = good.Contents.ToArray();
        flipped[^1] ^= 1;
        var checksum = Crc32.Append(0, good.Contents);
        files[at] = fault switch
        {
            "flip" => good with { Contents = flipped, Checksum = checksum },
            "deflated flip" => good with { Contents = flipped, Checksum = checksum, Deflated = true },
            "no deflate" => good with { Contents = [.. Enumerable.Repeat((byte)0xff, 2400)], Method = 8, Checksum = checksum },
            "inflates short" => good with { Deflated = true, Length = good.Contents.Length + 4 },
            "inflates long" => good with { Deflated = true, Length = good.Contents.Length - 4 },
            "stored length" => good with { Length = good.Contents.Length + 4 },
            "bomb" => good with { Deflated = true, Length = 1 << 30 },
            "encrypted" => good with { Flags = 1 },
            "method" => good with { Method = 12 },
            "local name" => good with { LocalName = "archive/data/1" },
            "beyond" => good with { Offset = 1_000_000 },
            "zip64 negative" => good with { Zip64 = true, Length = -1 },
            "short" => good with { Contents = good.Contents[..^4] },
            "big" => good with { Contents = "bigend"u8.ToArray() },
            "script" => good with { Name = "archive/constants.pkl" },
            _ => good,
        };
        if (fault == "missing") files.RemoveAt(at);
        if (fault == "twice") files.Add(good);
        if (fault == "second") files.Add(good with { Name = "other/data.pkl" });
        Refused(ZipWriter.Write(files), reason);
    }

    [Fact]
    public void Two_entries_over_the_same_bytes_are_refused()
    {
        var files = TorchWriter.Entries(Root, [Storage], change: file => file);
        var zip = ZipWriter.Write([.. files, files[0] with { Name = "archive/data.pkl", Offset = 0 }]);
        Refused(zip, "entry 'archive/data.pkl' is there twice");

        // The contents of one entry hold another whole entry, of which the directory knows as well.
        var inner = ZipWriter.Write(new ZippedFile("inner", [1, 2, 3]));
        var outer = ZipWriter.Write([new ZippedFile("outer", inner), .. files]);
        var start = (long)outer.AsSpan().IndexOf(inner);
        var nested = new ZippedFile("inner", [1, 2, 3]) { Offset = start };
        Refused(ZipWriter.Write([new ZippedFile("outer", inner), .. files, nested]), "two entries overlap at byte");
    }

    [Theory]
    [InlineData(-1, "the directory goes on after its last entry")]
    [InlineData(1, "the directory ends within an entry")]
    [InlineData(1000, "the directory is given 1004 entries, which its")]
    public void A_directory_of_another_number_of_entries_is_refused(int extra, string reason)
    {
        var files = TorchWriter.Entries(Root, [Storage]);
        Refused(ZipWriter.Write(files, zip64End: false, count: files.Count + extra), reason);
    }

    [Fact]
    public void End_records_that_differ_are_refused()
    {
        var zip = ZipWriter.Write(TorchWriter.Entries(Root, [Storage]), zip64End: true);
        var wide = zip.AsSpan().LastIndexOf("PK\u0006\u0006"u8);
        zip[wide + 24]--;
        zip[wide + 32]--;
        Refused(zip, "the two end records differ");
    }

    [Fact]
    public void A_record_behind_an_entry_that_differs_is_refused()
    {
        var zip = ZipWriter.Write(TorchWriter.Entries(Root, [Storage]));
        for (var at = zip.AsSpan().IndexOf("PK\u0007\u0008"u8) + 4; zip.AsSpan(at, 4).IndexOf("PK"u8) != 0; at++)
        {
            zip[at] ^= 0x40;
            Refused(zip, "entry 'archive/data.pkl' has other contents in the record behind it");
            zip[at] ^= 0x40;
        }
    }

    [Fact]
    public void Every_cut_of_a_checkpoint_is_refused_and_most_list_its_tensors()
    {
        var second = WrittenStorage.Floats("1", 9, 8, 7, 6, 5);
        var root = TorchWriter.StateDict(("w", TorchWriter.Tensor(Storage, [600])), ("v", TorchWriter.Tensor(second, [5])));
        var zip = TorchWriter.Zip(root, Storage, second);
        var listed = 0;
        for (var length = 1; length < zip.Length; length += length < 1000 ? 1 : 37)
        {
            var path = folder.File("cut.pt", zip[..length]);
            var error = Assert.Throws<WeightsException>(() =>
            {
                using var file = WeightFile.Open(path);
                Assert.Equal(["w", "v"], file.Names);
                listed++;
                file.ReadFloats("v");
            });
            Assert.StartsWith($"{path}: ", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }

        Assert.InRange(listed, 80, 4000);
        AssertLack(zip.Length - 30, "what should stand at its end is missing");
        AssertLack(zip.AsSpan().IndexOf(second.Bytes) + 19, "storage '1' of tensor 'v' (20 bytes) is not in its");
        AssertLack(zip.AsSpan().IndexOf(second.Bytes) + 20, "what should stand at its end is missing");
        AssertLack(zip.AsSpan().IndexOf(Storage.Bytes) + 100, "storage '0' of tensor 'w' (2400 bytes) is not in its");

        void AssertLack(int length, string lack)
        {
            using var file = WeightFile.Open(folder.File("cut.pt", zip[..length]));
            Assert.StartsWith(lack, file.CutShort);
        }
    }

    [Fact]
    public void A_cut_file_whose_pickle_was_damaged_is_refused()
    {
        var zip = TorchWriter.Zip(Root, Storage);
        zip[zip.AsSpan().IndexOf("w"u8)] ^= 1;
        Refused(zip[..^100], "its pickle has the checksum");
    }

    [Fact]
    public void A_compressed_pickle_beyond_8_MB_is_refused_before_it_is_inflated()
    {
        var random = new byte[9 << 20];
        new Random(1).NextBytes(random);
        var pickle = new ZippedFile("a/data.pkl", random) { Deflated = true };
        var path = folder.File("large.pt", ZipWriter.Write(pickle));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<WeightsException>(() => WeightFile.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("has 9437184 bytes, expected at most 8388608", error.Message);
        Assert.Contains("; ", error.Message);
    }

    [Fact]
    public void An_empty_zip_is_refused() => Refused(ZipWriter.Write(), "is a zip with no data.pkl");

    [Fact]
    public void The_checksum_is_that_of_zip()
    {
        Assert.Equal(0xcbf43926u, Crc32.Append(0, "123456789"u8));
        Assert.Equal(0u, Crc32.Append(0, []));
        var bytes = new byte[100];
        new Random(1).NextBytes(bytes);
        for (var split = 0; split <= bytes.Length; split++)
            Assert.Equal(Crc32.Append(0, bytes), Crc32.Append(Crc32.Append(0, bytes.AsSpan(0, split)), bytes.AsSpan(split)));
        Assert.Equal(Bitwise(bytes), Crc32.Append(0, bytes));

        static uint Bitwise(byte[] bytes)
        {
            var register = ~0u;
            foreach (var b in bytes)
            {
                register ^= b;
                for (var bit = 0; bit < 8; bit++) register = (register >> 1) ^ ((register & 1) * 0xedb88320u);
            }

            return ~register;
        }
    }

    private WeightFile Open(byte[] contents) => WeightFile.Open(folder.File($"{Guid.NewGuid()}.pt", contents));

    private void Refused(byte[] contents, string reason)
    {
        var path = folder.File("broken.pt", contents);
        var error = Assert.Throws<WeightsException>(() =>
        {
            using var file = WeightFile.Open(path);
            foreach (var name in file.Names) file.ReadFloats(name);
        });
        Assert.StartsWith($"{path}: ", error.Message);
        Assert.Contains(reason, error.Message);
        Assert.Contains("; ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
