using AuralSam2.Weights;
using AuralSam2.Weights.Torch;
using CsCheck;
using Xunit;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>Tensors out of checkpoints of both layouts: types, views, names, and what lies beside them.</summary>
public sealed class TorchCheckpointTests : IDisposable
{
    private static readonly WrittenStorage Storage = WrittenStorage.Counting("0", 24);

    private readonly TemporaryFolder folder = new();

    /// <summary>PyTorch's storage, the dtype it becomes, its bytes, what they are as float32 (none for what is no float).</summary>
    public static TheoryData<string, SafetensorsDType, string, float[]?> Types { get; } = new()
    {
        { "FloatStorage", SafetensorsDType.F32, "0000C03F000080FF", [1.5f, float.NegativeInfinity] },
        { "HalfStorage", SafetensorsDType.F16, "003E0100", [1.5f, 5.9604645e-8f] },
        { "BFloat16Storage", SafetensorsDType.BF16, "C03F0080", [1.5f, -0f] },
        { "DoubleStorage", SafetensorsDType.F64, "000000000000F83F9A9999999999B93F", [1.5f, 0.1f] },
        { "LongStorage", SafetensorsDType.I64, "0100000000000000FFFFFFFFFFFFFFFF", null },
        { "IntStorage", SafetensorsDType.I32, "01000000FFFFFFFF", null },
        { "ShortStorage", SafetensorsDType.I16, "0100FFFF", null },
        { "CharStorage", SafetensorsDType.I8, "01FF", null },
        { "ByteStorage", SafetensorsDType.U8, "01FF", null },
        { "BoolStorage", SafetensorsDType.Bool, "0100", null },
    };

    /// <summary>What surrounds a state dict, and where it is then.</summary>
    public static TheoryData<string, string, string> Surroundings { get; } = new()
    {
        { "bare", "", "" },
        { "model", "model", "epoch, optimizer" },
        { "state_dict", "state_dict", "epoch, optimizer" },
        { "model, ema", "model", "ema" },
        { "mine", "mine", "epoch, optimizer" },
        { "state_dict in model", "model.state_dict", "epoch" },
        { "bare with numbers", "", "epoch, nested" },
    };

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_of_storage(string type, SafetensorsDType dtype, string hex, float[]? floats)
    {
        var storage = new WrittenStorage("0", type, Convert.FromHexString(hex));
        var root = TorchWriter.StateDict(("t", TorchWriter.Tensor(storage, [2])));
        foreach (var contents in (byte[][])[TorchWriter.Zip(root, storage), TorchWriter.Legacy(root, storage)])
        {
            using var file = Open(contents);
            var entry = Assert.Single(file.Entries);
            Assert.Equal((dtype, 2L, (long)storage.Bytes.Length), (entry.DType, entry.Elements, entry.ByteLength));
            Assert.Equal(storage.Bytes, Raw(file, "t"));
            if (floats is not null)
            {
                Assert.Equal(floats, file.ReadFloats("t"));
                continue;
            }

            var error = Assert.Throws<WeightsException>(() => file.ReadFloats("t"));
            Assert.Contains($"tensor 't' is {dtype.Tag()}, expected F32", error.Message);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Every_protocol_in_both_layouts(int protocol)
    {
        var root = TorchWriter.Dictionary(("model", Many(3000)), ("epoch", 7));
        var zip = ZipWriter.Write(TorchWriter.Entries(root, [Storage], protocol: protocol), zip64End: true);
        foreach (var contents in (byte[][])[zip, TorchWriter.Legacy(root, [Storage], protocol)])
        {
            using var file = Open(contents);
            Assert.Equal(Enumerable.Range(0, 3000).Select(i => $"layer{i}.weight"), file.Names);
            Assert.Equal([2999 % 24], file.ReadFloats("layer2999.weight").Select(f => (int)f));
        }
    }

    [Fact]
    public void Any_view_of_a_storage_in_any_layout()
    {
        var views =
            from type in Gen.Int[0, Types.Count - 1].Select(i => Types.ElementAt(i).Data.Item1)
            from size in Gen.Int[0, 5].Array[0, 4]
            from stride in Gen.Int[0, 7].Array[size.Length]
            from offset in Gen.Int[0, 9]
            from spare in Gen.Int[0, 3]
            from layout in Gen.Int[0, 2]
            from seed in Gen.Int
            select (type, size, stride, offset, spare, layout, seed);
        views.Sample(
            view =>
            {
                var (type, size, stride, offset, spare, layout, seed) = view;
                var elements = size.Aggregate(1, (a, b) => a * b);
                var last = elements == 0 ? -1 : size.Zip(stride, (n, s) => (n - 1) * s).Sum();
                var element = new WrittenStorage("", type, []).ElementSize;
                var bytes = new byte[(offset + last + 1 + spare) * element];
                new Random(seed).NextBytes(bytes);
                var storage = new WrittenStorage("7", type, bytes);
                var root = TorchWriter.StateDict(("v", TorchWriter.Tensor(storage, size, offset, stride)));
                using var file = Open(layout switch
                {
                    0 => TorchWriter.Zip(root, storage),
                    1 => ZipWriter.Write(TorchWriter.Entries(root, [storage], change: f => f with { Deflated = true })),
                    _ => TorchWriter.Legacy(root, storage),
                });
                Assert.Equal(size, file.Find("v")!.Shape);
                Assert.Equal(Gathered(bytes, element, size, stride, offset), Raw(file, "v"));
                Assert.Equal(Raw(file, "v"), Raw(file, "v"));
            },
            iter: 400);
    }

    [Fact]
    public void Shared_storages_tied_weights_and_parameters()
    {
        var tied = TorchWriter.Parameter(TorchWriter.Tensor(Storage, [4, 6]));
        var root = TorchWriter.StateDict(
            ("a", tied), ("b", tied),
            ("c", TorchWriter.Tensor(Storage, [6, 4], stride: [1, 6])), ("d", TorchWriter.Tensor(Storage, [3], offset: 21)));
        using var file = Open(TorchWriter.Zip(root, Storage));
        Assert.Equal(file.ReadFloats("a"), file.ReadFloats("b"));
        Assert.Equal([0, 6, 12, 18, 1, 7], file.ReadFloats("c")[..6]);
        Assert.Equal([21, 22, 23], file.ReadFloats("d"));
    }

    [Theory]
    [MemberData(nameof(Surroundings))]
    public void The_state_dict_is_found(string surroundings, string location, string ignored)
    {
        var state = TorchWriter.StateDict(("w", TorchWriter.Tensor(Storage, [24])));
        var other = TorchWriter.StateDict(("w", TorchWriter.Tensor(Storage, [1])));
        var groups = new List<object?> { TorchWriter.Dictionary(("lr", 1e-4)) };
        var optimizer = TorchWriter.Dictionary(("state", TorchWriter.Dictionary((0, other))), ("param_groups", groups));
        var root = surroundings switch
        {
            "bare" => state,
            "model, ema" => TorchWriter.Dictionary(("ema", other), ("model", state)),
            "state_dict in model" => TorchWriter.Dictionary(("model", TorchWriter.Dictionary(("state_dict", state), ("epoch", 3)))),
            "bare with numbers" => TorchWriter.Dictionary(("w", TorchWriter.Tensor(Storage, [24])), ("epoch", 3), ("nested", other)),
            _ => TorchWriter.Dictionary(("epoch", 3), ("optimizer", optimizer), (surroundings, state)),
        };
        using var file = (TorchCheckpoint)Open(TorchWriter.Zip(root, Storage));
        Assert.Equal([24], Assert.Single(file.Entries).Shape);
        Assert.Equal(location, file.Location);
        Assert.Equal(ignored, string.Join(", ", file.Ignored));
    }

    /// <summary>What a training script keeps beside its weights, as far as it is data.</summary>
    [Fact]
    public void Arguments_and_scores_of_training_are_ignored()
    {
        const string lr = "X\u0002\0\0\0lrG?\0\0\0\0\0\0\0";
        var arguments = new PickledCode([.. $"cargparse\nNamespace\n)\u0081}}({lr}ub".Select(c => (byte)c)]);
        var score = new PickledCall(
            new PickledName("numpy.core.multiarray", "scalar"), new PickledCall(new PickledName("numpy", "dtype"), "f8", false, true),
            new PickledCall(new PickledName("_codecs", "encode"), "\u00f0?", "latin1"));
        var state = TorchWriter.StateDict(("w", TorchWriter.Tensor(Storage, [24])));
        var root = TorchWriter.Dictionary(("args", arguments), ("best", score), ("model", state));
        using var file = (TorchCheckpoint)Open(TorchWriter.Zip(root, Storage));
        Assert.Equal(["args", "best"], file.Ignored);
    }

    /// <summary>What is saved, what the message must say.</summary>
    [Theory]
    [InlineData("nothing", "holds no dictionary, expected a state dict")]
    [InlineData("tensor", "holds a tensor without a name")]
    [InlineData("empty", "holds no named tensors")]
    [InlineData("numbered", "holds no named tensors")]
    [InlineData("itself", "its dictionaries are nested too deep")]
    [InlineData("two", "holds several state dicts ('generator', 'critic')")]
    [InlineData("two models", "the key 'model' is there 2 times")]
    [InlineData("twice", "tensor 'w' is there twice")]
    [InlineData("unnamed", "a tensor has an empty name")]
    [InlineData("hostile name", "tensor 'a\\u000ab\\u001b[2J' has a dimension of -1")]
    [InlineData("module", "asks for 'torch.nn.modules.container.Sequential'")]
    public void What_is_no_state_dict_is_refused(string saved, string reason)
    {
        var tensor = TorchWriter.Tensor(Storage, [24]);
        var state = TorchWriter.Dictionary(("w", tensor));
        object? root = saved switch
        {
            "nothing" => null,
            "tensor" => tensor,
            "empty" => TorchWriter.Dictionary(),
            "numbered" => TorchWriter.Dictionary((1, tensor)),
            "itself" => new PickledCode([.. "}q\u00f0X\u0005\0\0\0modelh\u00f0s".Select(c => (byte)c)]),
            "two" => TorchWriter.Dictionary(("generator", state), ("critic", state)),
            "two models" => TorchWriter.Dictionary(("model", state), ("model", state)),
            "twice" => TorchWriter.Dictionary(("w", tensor), ("w", tensor)),
            "unnamed" => TorchWriter.Dictionary(("", tensor)),
            "hostile name" => TorchWriter.Dictionary(("a\nb\u001b[2J", TorchWriter.Tensor(Storage, [-1]))),
            _ => new PickledCall(new PickledName("torch.nn.modules.container", "Sequential")),
        };
        WrittenStorage[] storages = saved is "nothing" or "empty" or "itself" ? [] : [Storage];
        Refused(TorchWriter.Zip(root, storages), reason);
        Refused(TorchWriter.Legacy(root, storages), reason);
    }

    /// <summary>Size, strides, offset over 24 elements, what the message must say.</summary>
    [Theory]
    [InlineData(new[] { 25 }, new[] { 1 }, 0L, "tensor 't' [25] reaches element 24 of storage '0', which has 24")]
    [InlineData(new[] { 24 }, new[] { 1 }, 1L, "[24] reaches element 24")]
    [InlineData(new[] { 2, 2 }, new[] { 23, 1 }, 0L, "[2, 2] reaches element 24")]
    [InlineData(new[] { 1 }, new[] { 1 }, 24L, "[1] reaches element 24")]
    [InlineData(new[] { 0 }, new[] { 1 }, 25L, "starts at element 25 of 24")]
    [InlineData(new[] { 1 }, new[] { 1 }, -1L, "starts at element -1")]
    [InlineData(new[] { 2 }, new[] { -1 }, 5L, "has a stride of -1")]
    [InlineData(new[] { -2 }, new[] { 1 }, 0L, "has a dimension of -2")]
    [InlineData(new[] { 2000, 2000 }, new[] { 0, 0 }, 0L, "repeats the 24 elements of its storage")]
    [InlineData(new[] { int.MaxValue, int.MaxValue, int.MaxValue }, new[] { 0, 0, 0 }, 0L, "repeats the 24 elements of its storage")]
    [InlineData(new[] { int.MaxValue, int.MaxValue }, new[] { int.MaxValue, int.MaxValue }, 0L, "reaches element 92233720")]
    public void A_tensor_beyond_its_storage_is_refused(int[] size, int[] stride, long offset, string reason)
    {
        var root = TorchWriter.StateDict(("t", TorchWriter.Tensor(Storage, size, offset, stride)));
        Refused(TorchWriter.Zip(root, Storage), reason);
        Refused(TorchWriter.Legacy(root, Storage), reason);
    }

    [Fact]
    public void Sizes_of_64_bits_are_refused()
    {
        foreach (var (size, stride, reason) in ((long, long, string)[])[
            (1L << 31, 0, "has a dimension of 2147483648"), (long.MaxValue, 0, "has a dimension of 9223372036854775807"),
            (int.MaxValue, long.MaxValue, "reaches element 1980704061")])
        {
            var tensor = TorchWriter.Tensor(Storage, [1]);
            tensor.Arguments[2] = new object?[] { size };
            tensor.Arguments[3] = new object?[] { stride };
            Refused(TorchWriter.Zip(TorchWriter.StateDict(("t", tensor)), Storage), reason);
        }
    }

    [Fact]
    public void Tensors_that_read_a_storage_over_and_over_are_refused()
    {
        // 20 times 4 MiB out of 4 MiB: more than tied weights, and more than 64 MiB.
        var storage = new WrittenStorage("0", "FloatStorage", new byte[4 << 20]);
        var tensors = Enumerable.Range(0, 20).Select(i => ((object)$"t{i}", (object?)TorchWriter.Tensor(storage, [1 << 20]))).ToArray();
        Refused(TorchWriter.Legacy(TorchWriter.StateDict(tensors), storage), "its tensors have 83886080 bytes out of storages of 4194304");
        using var tied = Open(TorchWriter.Legacy(TorchWriter.StateDict(tensors[..16]), storage));
        Assert.Equal(16, tied.Names.Count);
    }

    [Fact]
    public void A_small_part_of_a_large_compressed_storage_is_refused()
    {
        var bytes = new byte[3 << 20];
        new Random(1).NextBytes(bytes);
        var storage = new WrittenStorage("0", "FloatStorage", bytes);
        var root = TorchWriter.StateDict(("t", TorchWriter.Tensor(storage, [8])), ("whole", TorchWriter.Tensor(storage, [3 << 18])));
        using var file = Open(ZipWriter.Write(TorchWriter.Entries(root, [storage], change: f => f with { Deflated = true })));
        Assert.Equal(bytes, Raw(file, "whole"));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<WeightsException>(() => file.ReadFloats("t"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("tensor 't' is a small part of a large compressed storage", error.Message);
    }

    [Theory]
    [InlineData("bytes behind", "3 bytes follow the last storage")]
    [InlineData("other elements", "storage '0' has 23 elements, expected 24")]
    [InlineData("unknown key", "it lists a storage that no tensor has")]
    [InlineData("number for a key", "it lists a storage that no tensor has")]
    [InlineData("key twice", "storage '0' is listed twice")]
    [InlineData("no key", "storage '0' of tensor 't' (96 bytes) is not in the file")]
    [InlineData("big-endian", "was written big-endian")]
    [InlineData("version", "it is of another version than 1001")]
    [InlineData("magic", "is a pickle, but none that torch.save wrote")]
    [InlineData("plain pickle", "is a pickle, but none that torch.save wrote")]
    public void A_broken_legacy_file_is_refused(string fault, string reason)
    {
        var root = TorchWriter.StateDict(("t", TorchWriter.Tensor(Storage, [24])));
        var keys = fault switch
        {
            "unknown key" => new List<object?> { "0", "1" },
            "number for a key" => [0],
            "key twice" => ["0", "0"],
            "no key" => [],
            _ => null,
        };
        WrittenStorage[] storages = fault switch { "key twice" => [Storage, Storage], "no key" => [], _ => [Storage] };
        var file = TorchWriter.Legacy(root, storages, 2, keys, littleEndian: fault != "big-endian", version: fault == "version" ? 1002 : 1001);
        if (fault == "bytes behind") file = [.. file, 1, 2, 3];
        if (fault == "other elements") file[file.Length - Storage.Bytes.Length - 8]--;
        if (fault == "magic") file[5] ^= 1;
        if (fault == "plain pickle") file = PickleWriter.Write(TorchWriter.Dictionary(("lr", 0.1)));
        Refused(file, reason);
    }

    [Fact]
    public void Every_cut_of_a_legacy_file_is_refused()
    {
        var second = WrittenStorage.Floats("1", 3, 4);
        var root = TorchWriter.StateDict(("t", TorchWriter.Tensor(Storage, [24])), ("u", TorchWriter.Tensor(second, [2])));
        var whole = TorchWriter.Legacy(root, Storage, second);
        var listed = 0;
        for (var length = 1; length < whole.Length; length++)
        {
            using var cut = new TemporaryFolder();
            var path = cut.File("cut.pth", whole[..length]);
            var error = Assert.Throws<WeightsException>(() =>
            {
                using var file = WeightFile.Open(path);
                Assert.Equal(["t", "u"], file.Names);
                Assert.StartsWith(length < whole.Length - 16 ? "storage '0'" : "storage '1' of tensor 'u' (8 bytes)", file.CutShort);
                listed++;
                file.ReadFloats("t");
            });
            Assert.StartsWith($"{path}: ", error.Message);
        }

        Assert.InRange(listed, 96 + 8 + 8 + 8, whole.Length);
    }

    [Fact]
    public void What_only_looks_like_weights_is_named()
    {
        Refused("<!DOCTYPE html><html>"u8.ToArray(), "is a web page, not the weights");
        Refused("\r\n <html>"u8.ToArray(), "is a web page");
        Refused("version https://git-lfs.github.com/spec/v1"u8.ToArray(), "Git LFS pointer");
        Refused("some text"u8.ToArray(), "is neither safetensors nor a PyTorch checkpoint");
        Refused([0x1f, 0x8b, .. new byte[100].Select(_ => (byte)0x55)], "is neither safetensors nor a PyTorch checkpoint"); // gzip
        var path = folder.File("s.pt", SafetensorsBytes.Of("{}", 0));
        Assert.Contains("is not a PyTorch checkpoint", Assert.Throws<WeightsException>(() => TorchCheckpoint.Open(path)).Message);
    }

    [Fact]
    public void The_format_is_told_by_the_content_not_by_the_name()
    {
        var root = TorchWriter.StateDict(("t", TorchWriter.Tensor(Storage, [24])));
        foreach (var (contents, format) in ((byte[], WeightFormat)[])[
            (TorchWriter.Zip(root, Storage), WeightFormat.TorchZip), (TorchWriter.Legacy(root, Storage), WeightFormat.TorchLegacy),
            (SafetensorsBytes.Of("{}", 0), WeightFormat.Safetensors)])
        {
            using var file = WeightFile.Open(folder.File($"{format}.safetensors", contents));
            Assert.Equal(format, file.Format);
            Assert.Equal(contents.Length, file.FileLength);
        }
    }

    [Fact]
    public void Large_tensors_of_every_float_read_in_pieces()
    {
        var random = new byte[3 << 20];
        new Random(1).NextBytes(random);
        foreach (var type in (string[])["FloatStorage", "HalfStorage", "BFloat16Storage", "DoubleStorage"])
        {
            var storage = new WrittenStorage("0", type, random);
            var (rows, element) = ((int)storage.Elements / 64, storage.ElementSize);
            var root = TorchWriter.StateDict(
                ("t", TorchWriter.Tensor(storage, [rows, 64])), ("turned", TorchWriter.Tensor(storage, [64, rows], stride: [1, 64])));
            using var file = Open(TorchWriter.Zip(root, storage));
            var (straight, turned) = (file.ReadFloats("t"), file.ReadFloats("turned"));
            for (var i = 0; i < straight.Length; i += 251) Assert.Equal(straight[i], turned[(i % 64 * rows) + (i / 64)]);
            var last = random.AsSpan(random.Length - element);
            Assert.Equal(straight[^1], element switch
            {
                4 => BitConverter.ToSingle(last),
                8 => (float)BitConverter.ToDouble(last),
                _ when type == "HalfStorage" => (float)BitConverter.ToHalf(last),
                _ => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(last) << 16),
            });
            var before = GC.GetAllocatedBytesForCurrentThread();
            file.Read("turned", [64, rows], turned);
            file.Read("t", [rows, 64], straight);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 19);
        }
    }

    [Fact]
    public void A_closed_file_is_not_read()
    {
        var file = Open(TorchWriter.Zip(TorchWriter.StateDict(("t", TorchWriter.Tensor(Storage, [24]))), Storage));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.ReadFloats("t"));
        file.Dispose();
    }

    private static PickledDictionary Many(int count) => TorchWriter.StateDict(
        [.. Enumerable.Range(0, count).Select(i => ((object)$"layer{i}.weight", (object?)TorchWriter.Tensor(Storage, [1], i % 24)))]);

    /// <summary>The elements of a view one by one, from its definition.</summary>
    private static byte[] Gathered(byte[] bytes, int element, int[] size, int[] stride, int offset)
    {
        var gathered = new List<byte>();
        Visit(0, offset);
        return [.. gathered];

        void Visit(int dimension, int at)
        {
            if (dimension == size.Length)
            {
                gathered.AddRange(bytes.AsSpan(at * element, element));
                return;
            }

            for (var i = 0; i < size[dimension]; i++) Visit(dimension + 1, at + (i * stride[dimension]));
        }
    }

    private static byte[] Raw(WeightFile file, string name)
    {
        using var elements = file.OpenElements(name);
        var bytes = new byte[file.Find(name)!.ByteLength];
        elements.ReadExactly(bytes);
        Assert.Equal(0, elements.Read(new byte[8]));
        return bytes;
    }

    private WeightFile Open(byte[] contents) => WeightFile.Open(folder.File($"{Guid.NewGuid()}.pt", contents));

    private void Refused(byte[] contents, string reason)
    {
        var path = folder.File($"{Guid.NewGuid()}.pt", contents);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<WeightsException>(() => WeightFile.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.StartsWith($"{path}: ", error.Message);
        Assert.Contains(reason, error.Message);
        Assert.Contains("; ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
