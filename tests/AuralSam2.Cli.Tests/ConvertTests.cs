using System.Text.Json;
using AuralSam2.Models.Sam2;
using AuralSam2.Testing;
using AuralSam2.Tests.Weights;
using AuralSam2.Tests.Weights.Torch;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural convert</c> on generated files.</summary>
public sealed class ConvertTests : IDisposable
{
    private readonly AuralSam2.Tests.Weights.TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Two_files_become_one()
    {
        var (sam2, fuser) = Parts();
        var run = Convert(fuser, sam2, Out);
        Assert.Equal(0, run.Code);
        Assert.Equal(
            [
                $"weights: {fuser} brings AuralFuser (AVS): 1 tensors, 128 parameters (PyTorch checkpoint (zip))",
                $"weights: {sam2} brings SAM2 of unknown size: 1 tensors, 256 parameters (safetensors)", "writing out.safetensors ...",
            ],
            run.ErrorLines);
        Assert.StartsWith(
            $"wrote {Out}: AuralSAM2 (AVS) on SAM2 of unknown size without VGGish\n2 tensors, 384 parameters, ", run.Out, StringComparison.Ordinal);
        Assert.EndsWith("A whole model takes VGGish as well: give them all to segment --weights.\n", run.Out, StringComparison.Ordinal);
        using var written = SafetensorsFile.Open(Out);
        Assert.Equal(["aural_fuser.train_proj_v1.proj.1.bias", "no_mem_embed"], written.Names.Order());
        Assert.Equal("fuser.pt + sam2.safetensors", written.Metadata["source"]);
        Assert.Equal([.. Enumerable.Range(0, 256).Select(i => i / 2f)], written.ReadFloats("no_mem_embed"));
        Assert.Equal(["fuser.pt", "out.safetensors", "sam2.safetensors"], Names);
    }

    [Theory]
    [InlineData("f32", SafetensorsDType.F32)]
    [InlineData("f16", SafetensorsDType.F16)]
    [InlineData("bf16", SafetensorsDType.BF16)]
    public void Floats_are_stored_as_asked(string dtype, SafetensorsDType expected)
    {
        var (sam2, _) = Parts();
        var run = Convert(sam2, Out, "--dtype", dtype, "--json");
        using var json = JsonDocument.Parse(run.Out);
        Assert.Equal(dtype.ToUpperInvariant(), json.RootElement.GetProperty("dtype").GetString());
        Assert.Equal(new FileInfo(Out).Length, json.RootElement.GetProperty("bytes").GetInt64());
        Assert.Equal(["VGGish", "AuralFuser"], json.RootElement.GetProperty("missing").EnumerateArray().Select(m => m.GetString()));
        using var written = SafetensorsFile.Open(Out);
        Assert.Equal(expected, written.Find("no_mem_embed")!.DType);
    }

    [Fact]
    public void An_existing_file_is_replaced_only_with_force()
    {
        var (sam2, _) = Parts();
        File.WriteAllText(Out, "an earlier file");
        Convert(sam2, Out).FailsWith(1, "out.safetensors exists", "--force");
        Assert.Equal("an earlier file", File.ReadAllText(Out));
        Assert.Equal(0, Convert(sam2, Out, "--force").Code);
        using var written = SafetensorsFile.Open(Out);
        Assert.Single(written.Names);
    }

    [Fact]
    public void An_interrupt_leaves_the_earlier_file_and_nothing_else()
    {
        var (sam2, fuser) = Parts();
        File.WriteAllText(Out, "an earlier file");
        var during = Array.Empty<string>();
        using var interrupt = new CancellationTokenSource();
        var engine = new FakeEngine
        {
            AfterTensorWritten = _ =>
            {
                during = Names;
                interrupt.Cancel();
            },
        };
        CommandRun.InProcess(engine, interrupt.Token, "convert", sam2, fuser, Out, "--force").FailsWith(130, "interrupted; no file was written");
        Assert.Equal(4, during.Length);
        Assert.Equal(["fuser.pt", "out.safetensors", "sam2.safetensors"], Names);
        Assert.Equal("an earlier file", File.ReadAllText(Out));
    }

    [Fact]
    public void A_second_interrupt_takes_the_temporary_file_with_it()
    {
        File.WriteAllText(folder.File(".out.safetensors.other.tmp"), "of another process");
        using var file = PartialFile.Watch(Out);
        File.WriteAllText(folder.File(".out.safetensors.ours.tmp"), "ours");
        file.Remove();
        Assert.Equal([".out.safetensors.other.tmp"], Names);
        File.WriteAllText(folder.File(".out.safetensors.later.tmp"), "no longer watched");
        file.Remove();
        Assert.Equal([".out.safetensors.later.tmp", ".out.safetensors.other.tmp"], Names);
    }

    [Fact]
    public void A_disk_that_fails_half_way_leaves_nothing()
    {
        var (sam2, fuser) = Parts();
        var engine = new FakeEngine { AfterTensorWritten = _ => throw new IOException("No space left on device") };
        CommandRun.InProcess(engine, CancellationToken.None, "convert", sam2, fuser, Out).FailsWith(1, Out, "No space left on device");
        Assert.Equal(["fuser.pt", "sam2.safetensors"], Names);
    }

    [Fact]
    public void Wrong_usage_is_one_line()
    {
        var (sam2, fuser) = Parts();
        Convert().FailsWith(2, "IN... OUT.safetensors");
        Convert(Out).FailsWith(2, "what to convert", "out.safetensors");
        Convert(sam2, fuser).FailsWith(2, "where to", "NAME.safetensors");
        Convert(sam2, sam2).FailsWith(2, "what to read and what to write");
        Convert(sam2, Out, "--dtype", "f64").FailsWith(2, "f64", "bf16");
        Assert.Equal(["fuser.pt", "sam2.safetensors"], Names);
    }

    [Fact]
    public void An_input_is_not_replaced_under_the_name_of_a_link()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("links take a privilege here");
        var (sam2, _) = Parts();
        var before = File.ReadAllBytes(sam2);
        File.CreateSymbolicLink(folder.File("link.safetensors"), sam2);
        Directory.CreateSymbolicLink(folder.File("again"), folder.Path);
        Convert(folder.File("link.safetensors"), sam2, "--force", "--dtype", "bf16").FailsWith(2, "what to read and what to write");
        Convert(sam2, folder.File("link.safetensors"), "--force", "--dtype", "bf16").FailsWith(2, "what to read and what to write");
        Convert(sam2, folder.File("again/sam2.safetensors"), "--force", "--dtype", "bf16").FailsWith(2, "what to read and what to write");
        Assert.Equal(before, File.ReadAllBytes(sam2));
    }

    [Fact]
    public void Bad_files_are_one_line()
    {
        var (sam2, fuser) = Parts();
        Convert(folder.File("none.pt"), Out).FailsWith(1, "none.pt", "no such file");
        Convert(sam2, folder.File("none/out.safetensors")).FailsWith(1, "its folder is not there");
        Directory.CreateDirectory(Out);
        Convert(sam2, Out, "--force").FailsWith(1, "is a folder");
        Directory.Delete(Out);
        Convert(sam2, Copy(sam2, "copy.safetensors"), Out).FailsWith(1, "SAM2 is in both", "leave out one");
        SafetensorsWriter.Write(folder.File("bert.safetensors"), null, [SafetensorsTensor.Of("bert.weight", [1], new float[1])]);
        Convert(folder.File("bert.safetensors"), fuser, Out).FailsWith(1, "bert.safetensors", "is this the right file");
        Assert.False(File.Exists(Out));
    }

    [Fact]
    public void What_is_cut_short_is_refused_with_the_first_missing_storage()
    {
        var (_, fuser) = Parts();
        File.WriteAllBytes(fuser, File.ReadAllBytes(fuser)[..^600]);
        Convert(fuser, Out).FailsWith(1, "fuser.pt: the file is cut short: storage '0' of tensor 'module.train_proj_v1.proj.1.bias'");
        Assert.False(File.Exists(Out));
    }

    [Theory]
    [InlineData("sam2.1_hiera_tiny", "storage '2' of tensor 'no_mem_pos_enc'")]
    [InlineData("sam2.1_hiera_large", "storage '")]
    public void The_head_of_a_published_file_is_refused(string name, string missing) =>
        Convert(Repository.SharedOrSkip("checkpoints", $"{name}.trunc.pt"), Out).FailsWith(1, "cut short", missing);

    [Fact]
    public void The_real_command_converts_and_inspects()
    {
        var sam2 = folder.Safetensors("sam2.safetensors", SparseFiles.Parameters("mini", Sam2Version.V21).Of(WeightParts.Sam2));
        var run = CommandRun.OfProcess(folder.Path, "convert", sam2, "mini.safetensors", "--dtype", "bf16");
        Assert.True(run.Code == 0, run.Error);
        var seen = CommandRun.OfProcess(folder.Path, "inspect", "mini.safetensors");
        Assert.StartsWith("mini.safetensors: SAM2.1 mini\nformat      safetensors\n", seen.Out, StringComparison.Ordinal);
        Assert.Contains(" BF16)", seen.Out, StringComparison.Ordinal);
    }

    private string Out => folder.File("out.safetensors");

    private string[] Names => [.. Directory.EnumerateFileSystemEntries(folder.Path).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];

    private (string Sam2, string Fuser) Parts()
    {
        var sam2 = folder.File("sam2.safetensors");
        SafetensorsWriter.Write(sam2, null, [SafetensorsTensor.Of("no_mem_embed", [1, 1, 256], (float[])[.. Enumerable.Range(0, 256).Select(i => i / 2f)])]);
        var storage = WrittenStorage.Counting("0", 128);
        var fuser = TorchWriter.Zip(TorchWriter.StateDict(("module.train_proj_v1.proj.1.bias", TorchWriter.Tensor(storage, [128]))), storage);
        return (sam2, folder.File("fuser.pt", fuser));
    }

    private static string Copy(string from, string name)
    {
        var to = Path.Combine(Path.GetDirectoryName(from)!, name);
        File.Copy(from, to);
        return to;
    }

    private static CommandRun Convert(params string[] args) =>
        CommandRun.InProcess(new FakeEngine(), CancellationToken.None, ["convert", .. args]);
}
