using System.Text.Json;
using AuralSam2.Models.Sam2;
using AuralSam2.Testing;
using AuralSam2.Tests.Weights;
using AuralSam2.Tests.Weights.Torch;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural inspect</c> on generated files, and on the heads of published ones.</summary>
public sealed class InspectTests : IDisposable
{
    private readonly AuralSam2.Tests.Weights.TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_checkpoint_is_recognised_and_listed()
    {
        var parameters = SparseFiles.Parameters("t", Sam2Version.V21).Of(WeightParts.Sam2);
        var file = folder.Torch("tiny.pt", parameters);
        var run = Inspect(file);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.StartsWith($"{file}: SAM2.1 t\nformat      PyTorch checkpoint (legacy), weights under 'model'\n", run.Out, StringComparison.Ordinal);
        Assert.Contains("ignored     epoch: no weights", run.Out, StringComparison.Ordinal);
        foreach (var (name, shape) in parameters)
            Assert.Matches($@"\n{name.Replace(".", "\\.", StringComparison.Ordinal)} +F32 +\[{string.Join(", ", shape)}\] +[\d,]+\n", run.Out);
    }

    [Fact]
    public void Json_holds_everything()
    {
        var file = folder.Torch("vggish.pth", SparseFiles.Parameters("t").Of(WeightParts.Vggish).Called(name => name["aural_fuser.vgg.".Length..]));
        using var json = JsonDocument.Parse(Inspect(file, "--json").Out);
        var root = json.RootElement;
        Assert.Equal("VGGish", root.GetProperty("is").GetString());
        Assert.Equal("vggish", Assert.Single(root.GetProperty("parts").EnumerateArray()).GetString());
        Assert.Equal(72_141_184, root.GetProperty("parameters").GetInt64());
        Assert.Equal(4 * 72_141_184L, root.GetProperty("tensor_bytes").GetInt64());
        Assert.Equal(new FileInfo(file).Length, root.GetProperty("bytes").GetInt64());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("cut_short").ValueKind);
        var first = root.GetProperty("tensors").EnumerateArray().Single(t => t.GetProperty("name").GetString() == "features.0.weight");
        Assert.Equal("aural_fuser.vgg.features.0.weight", first.GetProperty("parameter").GetString());
        Assert.Equal([64, 1, 3, 3], first.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
        Assert.Equal(["name", "parameter", "dtype", "shape", "elements", "bytes"], first.EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public void A_file_that_is_cut_short_is_listed_and_says_so()
    {
        var storage = WrittenStorage.Counting("0", 256);
        var whole = TorchWriter.Zip(TorchWriter.StateDict(("no_mem_embed", TorchWriter.Tensor(storage, [1, 1, 256]))), storage);
        var run = Inspect(folder.File("cut.pt", whole[..^600]));
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("\nCUT SHORT   storage '0' of tensor 'no_mem_embed' (1024 bytes) is not in its", run.Out, StringComparison.Ordinal);
        Assert.Matches(@"\nno_mem_embed +F32 +\[1, 1, 256\] +1,024\n", run.Out);
    }

    [Fact]
    public void A_safetensors_file_that_is_cut_short_is_listed_too()
    {
        var whole = folder.File("whole.safetensors");
        SafetensorsWriter.Write(whole, null, [
            SafetensorsTensor.Of("no_mem_embed", [1, 1, 256], new float[256]), SafetensorsTensor.Of("no_mem_pos_enc", [1, 1, 256], new float[256])]);
        var cut = folder.File("cut.safetensors", File.ReadAllBytes(whole)[..^600]);
        var run = Inspect(cut);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("\nCUT SHORT   tensor 'no_mem_pos_enc' (1024 bytes) is not in its ", run.Out, StringComparison.Ordinal);
        Assert.Matches(@"\nno_mem_pos_enc +F32 +\[1, 1, 256\] +1,024\n", run.Out);
        CommandRun.InProcess(new FakeEngine(), CancellationToken.None, "convert", cut, whole, folder.File("out.safetensors"))
            .FailsWith(1, "cut.safetensors: the file is cut short: tensor 'no_mem_pos_enc'");
    }

    [Theory]
    [InlineData("sam2.1_hiera_tiny", "SAM2.1 t")]
    [InlineData("sam2.1_hiera_large", "SAM2.1 l")]
    public void The_head_of_a_published_file_lists_all_its_tensors(string name, string title)
    {
        var file = Repository.SharedOrSkip("checkpoints", $"{name}.trunc.pt");
        Assert.Contains("CUT SHORT", Inspect(file).Out, StringComparison.Ordinal);
        using var found = JsonDocument.Parse(Inspect(file, "--json").Out);
        using var expected = JsonDocument.Parse(File.ReadAllText($"{file}.keys.json"));
        Assert.Equal(title, found.RootElement.GetProperty("is").GetString());
        Assert.Equal(
            Keys(expected.RootElement).Order(),
            found.RootElement.GetProperty("tensors").EnumerateArray().Select(t => $"{t.GetProperty("name")} {Shape(t.GetProperty("shape"))}").Order());
    }

    [Fact]
    public void A_hostile_name_stays_on_its_line()
    {
        SafetensorsWriter.Write(folder.File("odd.safetensors"), new Dictionary<string, string> { ["a\u001b[2J"] = "b\nc" }, [
            SafetensorsTensor.Of("red\u001b[31m\nline", [1], new float[1])]);
        var run = Inspect(folder.File("odd.safetensors"));
        Assert.DoesNotContain('\u001b', run.Out);
        Assert.Contains(@"metadata    a\u001b[2J = b\u000ac", run.Out, StringComparison.Ordinal);
        Assert.Contains(@"red\u001b[31m\u000aline", run.Out, StringComparison.Ordinal);
        Assert.Contains("nothing of AuralSAM2", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_tensors_for_one_parameter_are_a_problem_and_still_listed()
    {
        SafetensorsWriter.Write(folder.File("twice.safetensors"), null, [
            SafetensorsTensor.Of("no_mem_embed", [1], new float[1]), SafetensorsTensor.Of("v_model.no_mem_embed", [1], new float[1])]);
        var run = Inspect(folder.File("twice.safetensors"));
        Assert.Equal(0, run.Code);
        Assert.Contains("problem ", run.Out, StringComparison.Ordinal);
        Assert.Contains("are both 'no_mem_embed'", run.Out, StringComparison.Ordinal);
        Assert.Contains("\nv_model.no_mem_embed ", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_weights_is_one_line()
    {
        Inspect(folder.File("none.pt")).FailsWith(1, "none.pt", "no such file");
        Inspect(folder.Path).FailsWith(1, folder.Path);
        Inspect(folder.File("empty.pt", [])).FailsWith(1, "empty.pt");
        Inspect(folder.File("page.pt", "<html>404</html>"u8.ToArray())).FailsWith(1, "web page");
        Inspect(folder.File("lfs.pt", "version https://git-lfs.github.com/spec/v1\n"u8.ToArray())).FailsWith(1, "git lfs pull");
        Inspect().FailsWith(2, "FILE", "aural inspect --help");
    }

    [Theory]
    [InlineData("hostile_reduce.pt", "posix.system")]
    [InlineData("zip_bomb.pt", "inflate")]
    [InlineData("short_storage.pt", "storage '0'")]
    public void A_bad_checkpoint_is_refused_in_one_line(string name, string reason) =>
        Inspect(Repository.SharedOrSkip("checkpoints", "torch", name)).FailsWith(1, name, reason);

    private static IEnumerable<string> Keys(JsonElement keys) => keys.ValueKind == JsonValueKind.Array
        ? keys.EnumerateArray().Select(k => $"{k.GetProperty("name")} {Shape(k.GetProperty("shape"))}")
        : keys.EnumerateObject().Select(k => $"{k.Name} {Shape(k.Value.ValueKind == JsonValueKind.Array ? k.Value : k.Value.GetProperty("shape"))}");

    private static string Shape(JsonElement shape) => string.Join(',', shape.EnumerateArray().Select(d => d.GetInt32()));

    private static CommandRun Inspect(params string[] args) =>
        CommandRun.InProcess(new FakeEngine(), CancellationToken.None, ["inspect", .. args]);
}
