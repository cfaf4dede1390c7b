using AuralSam2.Kernels;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Tests.Weights.Torch;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>Several files as one model: in any order, in any format, with a report.</summary>
public sealed class WeightSetTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Three_files_in_any_order_and_format_are_a_model()
    {
        var all = SparseFiles.Parameters("b+", Sam2Version.V21);
        var sam2 = folder.Torch("sam2.pt", all.Of(WeightParts.Sam2));
        var vggish = folder.Torch("vggish.pth", all.Of(WeightParts.Vggish).Called(name => name["aural_fuser.vgg.".Length..]));
        var fuser = folder.Safetensors("fuser.safetensors", all.Of(WeightParts.Fuser).Called(KeyMapTests.Legacy));
        foreach (var paths in (string[][])[[sam2, vggish, fuser], [fuser, sam2, vggish], [vggish, fuser, sam2]])
        {
            using var set = WeightSet.Open(paths);
            set.EnsureModel();
            var parts = WeightParts.Sam2 | WeightParts.Vggish | WeightParts.Fuser;
            Assert.Equal(new CheckpointKind(parts, "b+", Sam2Version.V21, FuserVariant.Avs, null), set.Kind);
            Assert.Equal("AuralSAM2 (AVS) on SAM2.1 b+", set.Kind.ToString());
            Assert.Equal(all.Select(p => p.Name).Order(), set.Names.Order());
            Assert.Empty(set.Missing);
            Assert.Equal(paths, set.Contributions.Select(c => c.File.Path));
            Assert.Equal(string.Join(" + ", paths), set.Description);
            Assert.Equal(all.Length, set.Contributions.Sum(c => c.Tensors));
            Assert.Equal(all.Sum(p => p.Shape.Aggregate(1L, (n, d) => n * d)), set.Contributions.Sum(c => c.Elements));
            Assert.Equal(
                [$"{fuser} brings AuralFuser (AVS)", $"{sam2} brings SAM2.1 b+", $"{vggish} brings VGGish"],
                set.Contributions.Select(c => c.ToString()).Order());
        }
    }

    [Theory]
    [InlineData(WeightParts.Sam2, "SAM2 t", "VGGish|AuralFuser")]
    [InlineData(WeightParts.Vggish, "VGGish", "SAM2|AuralFuser")]
    [InlineData(WeightParts.Fuser, "AuralFuser (AVS)", "SAM2|VGGish")]
    [InlineData(WeightParts.Fuser | WeightParts.Vggish, "AuralFuser (AVS) with VGGish", "SAM2")]
    [InlineData(WeightParts.Fuser | WeightParts.Sam2, "AuralSAM2 (AVS) on SAM2 t without VGGish", "VGGish")]
    public void What_is_missing_is_named(WeightParts held, string brings, string missing)
    {
        var example = new Dictionary<string, string>
        {
            ["SAM2"] = "sam2_hiera_large.pt",
            ["VGGish"] = "vggish-10086976.pth",
            ["AuralFuser"] = "auralsam2_avs_v1m.pth",
        };
        using var set = WeightSet.Open(folder.Safetensors("half.safetensors", SparseFiles.Parameters("t").Of(held)));
        var error = Assert.Throws<WeightsException>(set.EnsureModel);
        var wanted = missing.Split('|').Select(part => $"{part} (such as {example[part]})");
        Assert.EndsWith($" brings {brings}; missing {(wanted.Count() == 1 ? "is" : "are")} {string.Join(" and ", wanted)}: " +
            $"give {(wanted.Count() == 1 ? "that file" : "those files")} as well", error.Message);
        Assert.Equal(missing.Split('|'), set.Missing);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_checkpoint_of_several_parts_comes_before_files_of_one()
    {
        var all = SparseFiles.Parameters("t");
        var full = folder.Safetensors("full.safetensors", all);
        var sam2 = folder.Safetensors("sam2.safetensors", all.Of(WeightParts.Sam2));
        var vggish = folder.Safetensors("vggish.safetensors", all.Of(WeightParts.Vggish));
        foreach (var paths in (string[][])[[full, sam2, vggish], [vggish, sam2, full]])
        {
            using var set = WeightSet.Open(paths);
            set.EnsureModel();
            Assert.Equal(
                [
                    $"{full} brings AuralSAM2 (AVS) on SAM2 t", $"{sam2} is not needed (SAM2 t comes with another file)",
                    $"{vggish} is not needed (VGGish comes with another file)",
                ],
                set.Contributions.Select(c => c.ToString()).Order());
            Assert.Equal([all.Length, 0, 0], set.Contributions.Select(c => c.Tensors).OrderDescending());
        }
    }

    [Theory]
    [InlineData("two sizes", "brings SAM2 t", "brings SAM2 s", "SAM2")]
    [InlineData("two releases", "brings SAM2 t", "brings SAM2.1 t", "SAM2")]
    [InlineData("the same twice", "brings SAM2 t", "brings SAM2 t", "SAM2")]
    [InlineData("two fusers", "brings AuralFuser (AVS)", "brings AuralSAM2 (AVS) on SAM2 t", "AuralFuser")]
    [InlineData("full on another size", "brings AuralSAM2 (AVS) on SAM2 t", "brings SAM2 s", "SAM2")]
    public void What_two_files_bring_is_refused_in_any_order(string files, string one, string other, string part)
    {
        var t = SparseFiles.Parameters("t");
        var s = SparseFiles.Parameters("s").Of(WeightParts.Sam2);
        var (a, b) = files switch
        {
            "two sizes" => (t.Of(WeightParts.Sam2), s),
            "two releases" => (t.Of(WeightParts.Sam2), SparseFiles.Parameters("t", Sam2Version.V21).Of(WeightParts.Sam2)),
            "two fusers" => (t.Of(WeightParts.Fuser), t),
            "full on another size" => (t, s),
            _ => (t.Of(WeightParts.Sam2), t.Of(WeightParts.Sam2)),
        };
        string[] paths = [folder.Safetensors("a.safetensors", a), folder.Safetensors("b.safetensors", b)];
        foreach (var order in (string[][])[paths, [paths[1], paths[0]]])
        {
            var error = Assert.Throws<WeightsException>(() => WeightSet.Open(order));
            Assert.Contains($"a.safetensors {one}", error.Message);
            Assert.Contains($"b.safetensors {other}", error.Message);
            Assert.EndsWith($": {part} is in both, leave out one of the two; each part comes from one file", error.Message);
        }
    }

    [Fact]
    public void Parts_that_do_not_fit_are_refused()
    {
        var mini = folder.Safetensors("fuser.safetensors", SparseFiles.Parameters("mini").Of(WeightParts.Fuser | WeightParts.Vggish));
        var sam2 = folder.Safetensors("sam2.safetensors", SparseFiles.Parameters("t").Of(WeightParts.Sam2));
        using var set = WeightSet.Open(mini, sam2);
        Assert.Contains(
            "AuralFuser has 1, 1, 2 blocks on its levels, expected 3, 6, 12 beside SAM2 t: give files that belong together",
            Assert.Throws<WeightsException>(set.EnsureModel).Message);
    }

    [Fact]
    public void Files_of_something_else_are_refused_and_closed()
    {
        var path = folder.Safetensors("bert.safetensors", [("encoder.weight", [2])]);
        Assert.Equal(
            $"{path}: none of its 1 tensors, such as 'encoder.weight', belongs to SAM2, VGGish or AuralFuser; is this the right file?",
            Message(() => WeightSet.Open(path)));
        Assert.Contains("none of its 0 tensors belongs", Message(() => WeightSet.Open(folder.Safetensors("none.safetensors", []))));
        Assert.Contains("there is no such file", Message(() => WeightSet.Open(folder.File("gone.pt"), path)));
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightSet.Open());
    }

    [Fact]
    public void A_file_that_was_cut_is_refused_at_once()
    {
        var storage = WrittenStorage.Counting("0", 256);
        var whole = TorchWriter.Zip(TorchWriter.StateDict(("no_mem_embed", TorchWriter.Tensor(storage, [1, 1, 256]))), storage);
        var path = folder.File("cut.pt", whole[..^300]);
        Assert.Contains("the file is cut short", Message(() => WeightSet.Open(path)));
    }

    [Fact]
    public void Names_that_nobody_knows_reach_the_check()
    {
        var path = folder.Safetensors("odd.safetensors", [("no_mem_embed", [1, 1, 256]), ("adapter.weight", [2])]);
        using var set = WeightSet.Open(path);
        var refusal = Message(() => WeightCheck.Verify(set, [new("no_mem_embed", [1, 1, 256])]));
        Assert.Contains("unexpected: adapter.weight [2]", refusal);
        Assert.Null(set.ShapeOf("gone", [1]));
        Assert.Contains("has no tensor 'gone'", Message(() => set.Read("gone", [1], new float[1])));
        var other = folder.Safetensors("odder.safetensors", [("no_obj_ptr", [1, 256]), ("adapter.weight", [2])]);
        Assert.Contains("SAM2 is in both", Message(() => WeightSet.Open(path, other)));
    }

    [Fact]
    public void A_name_in_two_files_names_both()
    {
        var first = folder.Safetensors("first.safetensors", [("no_mem_embed", [1, 1, 256]), ("adapter.weight", [2])]);
        var second = folder.Safetensors("second.safetensors", [("aural_fuser.train_proj_v1.proj.1.bias", [128]), ("adapter.weight", [2])]);
        Assert.Equal($"{second}: tensor 'adapter.weight' is also in {first}; leave out one of the two", Message(() => WeightSet.Open(first, second)));
    }

    [Fact]
    public void A_value_beyond_a_half_is_not_written_as_infinity()
    {
        var path = folder.File("large.safetensors");
        SafetensorsWriter.Write(path, null, [SafetensorsTensor.Of("no_mem_embed", [2], new float[] { float.PositiveInfinity, 70000 })]);
        using var set = WeightSet.Open(path);
        var output = folder.File("out.safetensors");
        Assert.Contains("'no_mem_embed' holds 70000, beyond what F16 can; write BF16 or F32", Message(() => SafetensorsWriter.Write(output, null, set.ToSafetensors(SafetensorsDType.F16))));
        SafetensorsWriter.Write(output, null, set.ToSafetensors(SafetensorsDType.BF16));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(SafetensorsDType.F32)]
    [InlineData(SafetensorsDType.F16)]
    [InlineData(SafetensorsDType.BF16)]
    [InlineData(SafetensorsDType.F64)]
    public void Several_files_become_one(SafetensorsDType? dtype)
    {
        var random = new byte[1 << 16];
        new Random(1).NextBytes(random);
        for (var i = 1; i < random.Length; i += 2) random[i] &= 0xBF; // exponents that a half holds
        var floats = new WrittenStorage("0", "HalfStorage", random);
        var counts = new WrittenStorage("1", "LongStorage", [7, 0, 0, 0, 0, 0, 0, 0]);
        var fuser = folder.File("fuser.pt", TorchWriter.Zip(
            TorchWriter.StateDict(
                ("module.train_smooth1.weight", TorchWriter.Tensor(floats, [128, 256], stride: [1, 128])),
                ("module.train_proj_v1.proj.1.num_batches_tracked", TorchWriter.Tensor(counts, []))), floats, counts));
        var sam2 = folder.Safetensors("sam2.safetensors", [("no_mem_embed", [1, 1, 256])]);
        var path = folder.File("one.safetensors");
        var shares = new List<double>();
        using (var set = WeightSet.Open(sam2, fuser))
            SafetensorsWriter.Write(path, null, set.ToSafetensors(dtype), new Shares(shares));

        Assert.Equal(shares.Order(), shares);
        Assert.Equal((3, 1), (shares.Count, shares[^1]));
        using var one = SafetensorsFile.Open(path);
        using var source = WeightFile.Open(fuser);
        const string weight = "aural_fuser.smooth_convs.0.weight";
        Assert.Equal([weight, "aural_fuser.train_proj_v1.proj.1.num_batches_tracked", "no_mem_embed"], one.Names.Order());
        Assert.Equal(dtype ?? SafetensorsDType.F16, one.Find(weight)!.DType);
        Assert.Equal(dtype ?? SafetensorsDType.F32, one.Find("no_mem_embed")!.DType);
        Assert.Equal([128, 256], one.Find(weight)!.Shape);
        Assert.Equal([7], one.ReadDoubles("aural_fuser.train_proj_v1.proj.1.num_batches_tracked"));
        var (expected, found) = (source.ReadFloats("module.train_smooth1.weight"), one.ReadFloats(weight));
        if (dtype != SafetensorsDType.BF16) Assert.Equal(expected, found);
        else Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, Math.Abs(pair.First) / 256));
    }

    [Fact]
    public void A_conversion_that_fails_or_is_cancelled_leaves_nothing_behind()
    {
        var (first, second) = (WrittenStorage.Counting("0", 256), WrittenStorage.Counting("1", 256));
        var root = TorchWriter.StateDict(
            ("no_mem_embed", TorchWriter.Tensor(first, [1, 1, 256])), ("no_obj_ptr", TorchWriter.Tensor(second, [1, 256])));
        var zip = TorchWriter.Zip(root, first, second);
        zip[zip.AsSpan().LastIndexOf(second.Bytes) + 5] ^= 1;
        var path = folder.File("in.pt", zip);
        using var set = WeightSet.Open(path);
        var output = folder.File("out.safetensors");
        Assert.Contains("entry 'archive/data/1' has the checksum", Message(() => SafetensorsWriter.Write(output, null, set.ToSafetensors())));
        using var cancelled = new CancellationTokenSource();
        var progress = new Shares([], cancelled.Cancel);
        Assert.Throws<OperationCanceledException>(() => SafetensorsWriter.Write(output, null, set.ToSafetensors(), progress, cancelled.Token));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.ToSafetensors(SafetensorsDType.I32).ToList());
    }

    [Fact]
    public void A_tensor_called_like_the_metadata_cannot_be_written()
    {
        var storage = WrittenStorage.Counting("0", 1);
        var odd = TorchWriter.Zip(TorchWriter.StateDict(("__metadata__", TorchWriter.Tensor(storage, [1]))), storage);
        using var file = WeightFile.Open(folder.File("odd.pt", odd));
        Assert.Contains("'__metadata__'", Message(() => SafetensorsTensor.Of(file, "__metadata__")));
        Assert.Equal("x", SafetensorsTensor.Of(file, "__metadata__", "x").Name);
    }

    [Fact]
    public void Legacy_names_in_a_legacy_file_load_as_a_model()
    {
        var all = SparseFiles.Parameters("mini", Sam2Version.V21);
        var fusers = all.Of(WeightParts.Fuser | WeightParts.Vggish).Called(KeyMapTests.Legacy).Called(KeyMapTests.Bare);
        var sam2 = folder.Torch("sam2.pt", all.Of(WeightParts.Sam2).Called(name => "module." + name), Values);
        var fuser = folder.Torch("fuser.pth", fusers, Values);
        using var set = WeightSet.Open(fuser, sam2);
        set.EnsureModel();
        var values = new float[256];
        set.Read("no_mem_embed", [1, 1, 256], values);
        Assert.Equal(Ramp(7), values);
        set.Read("aural_fuser.fusion_modules.2.norm_layer.weight", [256], values);
        Assert.Equal(Ramp(9), values);

        using var device = new CpuDevice(2);
        using var model = AuralSam2Model.Load(device, set.Kind.Model!, set);
        Assert.Equal(("mini", Sam2Version.V21, FuserVariant.Avs), (model.Name, model.Version, model.Variant));

        static float[] Ramp(int start) => [.. Enumerable.Range(start, 256).Select(i => (float)i)];
        static float[]? Values(string name) => name switch
        {
            "module.no_mem_embed" => Ramp(7),
            "train_f_a_block3.norm_layer.weight" => Ramp(9),
            _ => null,
        };
    }

    private static string Message(Action action) => Assert.Throws<WeightsException>(action).Message;

    private sealed class Shares(List<double> shares, Action? react = null) : IProgress<double>
    {
        public void Report(double value)
        {
            shares.Add(value);
            react?.Invoke();
        }
    }
}
