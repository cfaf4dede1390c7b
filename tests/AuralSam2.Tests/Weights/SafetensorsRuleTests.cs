using System.Text;
using AuralSam2.Testing;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>Every rule of the safetensors format, broken one at a time.</summary>
public class SafetensorsRuleTests
{
    /// <summary>Rule, header, bytes of data, what the message must say.</summary>
    public static TheoryData<string, string, int, string> BrokenHeaders { get; } = new()
    {
        { "first byte", " {}", 0, "does not start with '{'" },
        { "array at the top", "[]", 0, "does not start with '{'" },
        { "no header", "", 0, "does not start with '{'" },
        { "not JSON", "{\"a\" 1}", 0, "not valid JSON" },
        { "unfinished JSON", "{\"a\":{\"dtype\":\"F32\"", 0, "not valid JSON" },
        { "comment", "{/* */}", 0, "not valid JSON" },
        { "trailing comma", "{\"__metadata__\":{},}", 0, "not valid JSON" },
        { "lone surrogate", "{\"\\ud800\":{}}", 0, "not valid Unicode" },
        { "second object", "{}{}", 0, "goes on after its closing '}'" },
        { "newline after", "{}\n", 0, "goes on after its closing '}'" },
        { "zero byte after", "{}\0", 0, "goes on after its closing '}'" },
        { "metadata number", "{\"__metadata__\":3}", 0, "__metadata__ is a number" },
        { "metadata value", "{\"__metadata__\":{\"k\":1}}", 0, "a number under 'k'" },
        { "metadata nested", "{\"__metadata__\":{\"k\":{}}}", 0, "an object under 'k'" },
        { "metadata key twice", "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "'k' appears twice in __metadata__" },
        { "metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "'__metadata__' appears twice" },
        { "name twice", $"{{{Scalar("a", 0)},{Scalar("a", 4)}}}", 8, "'a' appears twice" },
        { "escaped name twice", $"{{{Scalar("a", 0)},{Scalar("\\u0061", 4)}}}", 8, "'a' appears twice" },
        { "empty name", $"{{{Scalar("", 0)}}}", 4, "empty name" },
        { "entry is a number", "{\"a\":1}", 0, "'a' is a number" },
        { "entry is null", "{\"a\":null}", 0, "'a' is null" },
        { "no dtype", "{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "'a' has no dtype" },
        { "no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "'a' has no shape" },
        { "no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "'a' has no data_offsets" },
        { "extra key", "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"strides\":[]}}", 4, "unknown key 'strides'" },
        { "dtype twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "'a' has dtype twice" },
        { "shape twice", "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"shape\":[],\"data_offsets\":[0,4]}}", 4, "'a' has shape twice" },
        { "offsets twice", "{\"a\":{\"shape\":[],\"data_offsets\":[0,1],\"data_offsets\":[0,1]}}", 1, "'a' has data_offsets twice" },
        { "dtype type", "{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype of tensor 'a' is a number" },
        { "dtype unknown", $"{{{Entry("a", "F12", "[]", "[0,4]")}}}", 4, "'a' has the unknown dtype 'F12'" },
        { "dtype case", $"{{{Entry("a", "f32", "[]", "[0,4]")}}}", 4, "unknown dtype 'f32'" },
        { "shape type", $"{{{Entry("a", "F32", "1", "[0,4]")}}}", 4, "shape of tensor 'a' is a number" },
        { "negative dim", $"{{{Entry("a", "F32", "[-1]", "[0,4]")}}}", 4, "shape of tensor 'a' holds something" },
        { "fractional dim", $"{{{Entry("a", "F32", "[1.0]", "[0,4]")}}}", 4, "shape of tensor 'a' holds something" },
        { "exponent dim", $"{{{Entry("a", "F32", "[1e0]", "[0,4]")}}}", 4, "shape of tensor 'a' holds something" },
        { "string dim", $"{{{Entry("a", "F32", "[\"1\"]", "[0,4]")}}}", 4, "shape of tensor 'a' holds something" },
        { "nested dim", $"{{{Entry("a", "F32", "[[1]]", "[0,4]")}}}", 4, "shape of tensor 'a' holds something" },
        { "dim over 64 bits", $"{{{Entry("a", "F32", "[18446744073709551616]", "[0,4]")}}}", 4, "shape of tensor 'a' holds something" },
        { "dim over 31 bits", $"{{{Entry("a", "F32", "[2147483648]", "[0,4]")}}}", 4, "dimension of 2147483648" },
        { "size overflow", $"{{{Entry("a", "F32", "[1073741824,1073741824,4]", "[0,0]")}}}", 0, "'a' [1073741824, 1073741824, 4] over" },
        { "size overflow to 4", $"{{{Entry("a", "U8", "[2147483647,2147483647,2147483647,2147483647]", "[0,4]")}}}", 4, "overflows" },
        { "offsets type", $"{{{Entry("a", "F32", "[]", "{}")}}}", 4, "data_offsets of tensor 'a' is an object" },
        { "one offset", $"{{{Entry("a", "F32", "[]", "[0]")}}}", 4, "'a' has 1 data_offsets, expected 2" },
        { "three offsets", $"{{{Entry("a", "F32", "[]", "[0,4,8]")}}}", 4, "'a' has 3 data_offsets, expected 2" },
        { "negative offset", $"{{{Entry("a", "F32", "[]", "[-4,0]")}}}", 4, "data_offsets of tensor 'a' holds something" },
        { "end before begin", $"{{{Entry("a", "F32", "[]", "[4,0]")}}}", 4, "[4, 0], which end before they begin" },
        { "too few bytes", $"{{{Entry("a", "F32", "[2]", "[0,4]")}}}", 4, "F32 [2] is given 4 bytes, expected 8" },
        { "too many bytes", $"{{{Entry("a", "F16", "[2,1]", "[0,8]")}}}", 8, "F16 [2, 1] is given 8 bytes, expected 4" },
        { "hole at the start", $"{{{Scalar("a", 4)}}}", 8, "'a' leaves a hole before it: it begins at byte 4, expected 0" },
        { "hole between", $"{{{Scalar("a", 0)},{Scalar("b", 8)}}}", 12, "'b' leaves a hole before it: it begins at byte 8, expected 4" },
        { "overlap", $"{{{Scalar("a", 0)},{Scalar("b", 2)}}}", 6, "'b' overlaps the tensor before it: it begins at byte 2, expected 4" },
        { "same place", $"{{{Scalar("a", 0)},{Scalar("b", 0)}}}", 4, "overlaps" },
        { "cut short", $"{{{Scalar("a", 0)}}}", 3, "the file is cut short: tensor 'a' (4 bytes) is not in its 64 bytes" },
        { "no such length", $"{{{Entry("a", "U8", "[2147483647,2147483647,4]", "[0,18446744056529682436]")}}}", 0, "which no file has" },
        { "bytes left over", $"{{{Scalar("a", 0)}}}", 5, "1 bytes follow the last tensor" },
        { "offset over 63 bits", $"{{{Entry("a", "U8", "[0]", "[18446744073709551615,18446744073709551615]")}}}", 0, "leaves a hole" },
        { "hostile name", $"{{{Entry("a\\nb\\u001b[2J", "F12", "[]", "[0,4]")}}}", 4, "'a\\u000ab\\u001b[2J'" },
    };

    [Theory]
    [MemberData(nameof(BrokenHeaders))]
    public void A_broken_header_is_refused(string rule, string header, int dataBytes, string reason) =>
        Refused(SafetensorsBytes.Of(header, dataBytes), reason, rule);

    [Fact]
    public void A_header_that_is_not_UTF8_is_refused() =>
        Refused(SafetensorsBytes.Of([.. "{\""u8, 0xC3, 0x28, .. "\":{}}"u8], 0), "not valid UTF-8");

    [Theory]
    [InlineData(0, "the file is empty")]
    [InlineData(1, "the file has 1 bytes, expected at least 8")]
    [InlineData(7, "the file has 7 bytes, expected at least 8")]
    public void A_file_without_room_for_a_length_is_refused(int length, string reason) => Refused(new byte[length], reason);

    [Theory]
    [InlineData(3UL, "the header is given 3 bytes, the file has only 2")]
    [InlineData(1UL << 63, "the header is given 9223372036854775808 bytes")]
    [InlineData(ulong.MaxValue, "the header is given 18446744073709551615 bytes")]
    public void A_header_beyond_the_file_is_refused(ulong claimed, string reason) =>
        Refused(SafetensorsBytes.Of("{}"u8.ToArray(), 0, claimed), reason);

    [Fact]
    public void A_header_beyond_100_MB_is_refused()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("huge.safetensors");
        using (var stream = File.Create(path))
        {
            stream.Write(BitConverter.GetBytes(100_000_001UL));
            stream.Write("{}"u8);
            stream.SetLength(100_000_100); // sparse: takes no disk
        }

        Refused(path, "the header is given 100000001 bytes, expected at most 100000000");
    }

    [Theory]
    [InlineData("504B030414000000", "is a PyTorch checkpoint (zip), expected safetensors; convert it")]
    [InlineData("504B0304", "PyTorch checkpoint (zip)")]
    [InlineData("80028A0A6CFC9C46F9206AA850192E80", "PyTorch checkpoint (legacy)")]
    [InlineData("76657273696F6E2068747470733A2F2F6769742D6C66732E6769746875622E636F6D", "Git LFS pointer")]
    public void A_file_of_another_kind_is_named(string hex, string reason) => Refused(Convert.FromHexString(hex), reason);

    [Fact]
    public void A_header_length_that_spells_PK_is_no_zip()
    {
        using var folder = new TemporaryFolder();
        var header = Encoding.UTF8.GetBytes("{}".PadRight(0x4B50));
        using var file = SafetensorsFile.Open(folder.File("pk.safetensors", SafetensorsBytes.Of(header, 0)));
        Assert.Empty(file.Tensors);
    }

    [Fact]
    public void PyTorch_checkpoints_are_recognised()
    {
        var folder = Repository.SharedOrSkip("checkpoints", "torch");
        var checkpoints = Directory.GetFiles(folder, "*.pt").Concat(Directory.GetFiles(folder, "*.pth")).ToArray();
        Assert.NotEmpty(checkpoints);
        foreach (var path in checkpoints) Refused(path, "is a PyTorch checkpoint");
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_named()
    {
        using var folder = new TemporaryFolder();
        Refused(folder.File("nothing.safetensors"), "there is no such file");
        Refused(Path.Combine(folder.Path, "no", "folder.safetensors"), "there is no such file");
        Refused(folder.Path, "is a folder");
        Refused("a\0b", "cannot be opened");
        Refused("", "cannot be opened");
    }

    [Fact]
    public void A_file_without_permission_is_named()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Assert.Skip("file modes do not stop this user");
            return;
        }

        using var folder = new TemporaryFolder();
        var path = folder.File("secret.safetensors", SafetensorsBytes.Of("{}", 0));
        File.SetUnixFileMode(path, UnixFileMode.None);
        Refused(path, "no permission");
    }

    [Fact]
    public void Every_shared_golden_opens()
    {
        var goldens = Directory.GetFiles(Repository.SharedOrSkip("goldens"), "*.safetensors");
        Assert.NotEmpty(goldens);
        foreach (var path in goldens)
        {
            using var file = SafetensorsFile.Open(path);
            Assert.NotEmpty(file.Tensors);
            Assert.Contains("kind", file.Metadata.Keys);
        }
    }

    private static string Scalar(string name, int begin) => Entry(name, "F32", "[]", $"[{begin},{begin + 4}]");

    private static string Entry(string name, string dtype, string shape, string offsets) =>
        SafetensorsBytes.Entry(name, dtype, shape, offsets);

    private static void Refused(byte[] contents, string reason, string rule = "")
    {
        using var folder = new TemporaryFolder();
        Refused(folder.File("broken.safetensors", contents), reason, rule);
    }

    private static void Refused(string path, string reason, string rule = "")
    {
        var error = Assert.Throws<WeightsException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith($"{path}: ", error.Message);
        Assert.True(error.Message.Contains(reason), $"{rule}: {error.Message}");
        Assert.Contains("; ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
