using System.Runtime.InteropServices;
using AuralSam2.Kernels;
using AuralSam2.Testing;
using AuralSam2.Tests.Weights;
using AuralSam2.Verification;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Verification;

/// <summary>The verifier can fail: it names the stage that is off, and says in one line what is wrong with a file that is no fixture.</summary>
public sealed class BrokenFixtureTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CpuDevice device = new(2);

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("b_mini_image_encoder", "trunk.patch_embed")]
    [InlineData("b_mini_image_encoder", "trunk.blocks.3.norm2")] // lies inside a fused op
    [InlineData("b_mini_image_encoder", "trunk.blocks.5.attn.proj")] // in padded windows
    [InlineData("b_mini_image_encoder", "trunk.blocks.1.pool#1")]
    [InlineData("b_mini_image_encoder", "trunk.blocks.1.mlp.act@sample")]
    [InlineData("b_mini_image_encoder", "fpn.0@stats")]
    [InlineData("b_mini_image_encoder", "vision_pos_enc.2")]
    [InlineData("b_mini_decoder", "pt2.dec.transformer.layers.0.mlp.act")]
    [InlineData("b_mini_decoder", "mask.dense")]
    [InlineData("b_mini_decoder", "pt1.dense")]
    [InlineData("b_mini_decoder", "box.iou4")]
    [InlineData("f_mini_memory_modules", "memattn.layers.1.linear2")]
    [InlineData("f_mini_memory_modules", "memenc.fuser.layers.0.pwconv1@stats")]
    [InlineData("f_mini_memory_modules", "ptr_tpos_proj")]
    [InlineData("f_mini_video", "pt_corr.p1.f4.obj0.obj_ptr")]
    [InlineData("f_mini_video", "mask.p0.f3.video_res_masks@stats")]
    [InlineData("f_mini_video", "box_rev.p0.f1.obj0.pred_masks")]
    public void One_wrong_value_is_found(string fixture, string tensor)
    {
        var path = Copy(fixture, tensor);
        var report = FixtureVerifier.Verify(device, path);
        Assert.Equal(FixtureVerdict.Failed, report.Verdict);
        var stage = Assert.Single(report.Stages, s => !s.Passed);
        Assert.Equal(tensor.Split('@')[0], stage.Stage);
        Assert.InRange(stage.Error, 0.5e-3, 2e-3);
    }

    [Theory]
    [InlineData("b_mini_image_encoder")]
    [InlineData("f_mini_memory_modules")]
    public void Another_seed_fails_nearly_everywhere(string fixture)
    {
        var report = FixtureVerifier.Verify(device, Copy(fixture, m => m["seed"] = "7"));
        Assert.Equal(FixtureVerdict.Failed, report.Verdict);
        Assert.True(report.Stages.Count(s => !s.Passed) > 0.8 * report.Stages.Count);
    }

    [Fact]
    public void A_stage_of_another_size_fails()
    {
        var path = folder.File("x.safetensors");
        using (var file = SafetensorsFile.Open(Repository.Golden("b_mini_image_encoder.safetensors")))
        {
            var metadata = file.Metadata.Where(m => m.Key != "shapes").ToDictionary();
            SafetensorsWriter.Write(path, metadata, [SafetensorsTensor.Of(file, "fpn.2"), SafetensorsTensor.Of("high_res.1", [3], new float[3])]);
        }

        var report = FixtureVerifier.Verify(device, path);
        Assert.Equal([("fpn.2", true), ("high_res.1", false)], report.Stages.Select(s => (s.Stage, s.Passed)).Order());
    }

    [Fact]
    public void An_unknown_kind_is_unsupported()
    {
        var report = FixtureVerifier.Verify(device, Copy("f_mini_memory_modules", m => m["kind"] = "weather"));
        Assert.Equal(FixtureVerdict.Unsupported, report.Verdict);
        Assert.Contains("weather", report.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kind", "", "kind")]
    [InlineData("model", "vgg16", "vgg16")]
    [InlineData("shapes", "{]", "shapes")]
    public void A_file_that_is_no_fixture_is_one_line(string key, string value, string word) =>
        Fails(Copy("f_mini_memory_modules", m => m[key] = value), word);

    [Theory]
    [InlineData("{}")]
    [InlineData("no json")]
    [InlineData("""{"image_size": "large", "image_encoder": {"trunk": {}}, "memory_attention": {"num_layers": 2}}""")]
    [InlineData("""{"image_size": 80, "image_encoder": {"trunk": {}}, "memory_attention": {"num_layers": 2}}""")]
    public void A_configuration_that_cannot_be_is_one_line(string config)
    {
        Fails(Copy("b_mini_decoder", m => m["config"] = config));
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    [Theory]
    [InlineData("T", "five")]
    [InlineData("T", "0")]
    [InlineData("f_depths", "deep")]
    [InlineData("f_depths", "[1]")]
    public void Broken_metadata_of_a_clip_are_one_line(string key, string value)
    {
        Fails(Copy("e_aural_mini_avs", m => m[key] = value));
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    [Fact]
    public void A_checkpoint_is_no_fixture()
    {
        var path = folder.File("weights.safetensors");
        SafetensorsWriter.Write(path, null, [SafetensorsTensor.Of("no_mem_embed", [1, 1, 2], new float[2])]);
        Fails(path, "no fixture");
    }

    private void Fails(string path, string word = "")
    {
        var message = Assert.Throws<WeightsException>(() => FixtureVerifier.Verify(device, path)).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.Contains(word, message, StringComparison.Ordinal);
    }

    private string Copy(string fixture, Action<Dictionary<string, string>> change)
    {
        using var file = SafetensorsFile.Open(Repository.Golden(fixture + ".safetensors"));
        var metadata = file.Metadata.ToDictionary();
        change(metadata);
        SafetensorsWriter.Write(folder.File("copy.safetensors"), metadata, file.Tensors.Keys.Select(n => SafetensorsTensor.Of(file, n)));
        return folder.File("copy.safetensors");
    }

    /// <summary>A copy in which one value of a tensor (of stats: the mean) is off by a thousandth of the stage's largest magnitude.</summary>
    private string Copy(string fixture, string changed)
    {
        using var file = SafetensorsFile.Open(Repository.Golden(fixture + ".safetensors"));
        SafetensorsWriter.Write(folder.File("copy.safetensors"), file.Metadata, file.Tensors.Keys.Select(n => n == changed ? Changed(file, n) : SafetensorsTensor.Of(file, n)));
        return folder.File("copy.safetensors");
    }

    private static SafetensorsTensor Changed(SafetensorsFile file, string name)
    {
        int[] shape = [.. file.Tensors[name].Shape];
        if (name.EndsWith("@stats", StringComparison.Ordinal))
        {
            var stats = file.ReadDoubles(name);
            stats[0] += 1e-3 * stats[2];
            return SafetensorsTensor.Of(name, shape, stats);
        }

        float[] values = [.. MemoryMarshal.Cast<byte, float>(file.RawBytes(name))];
        var sample = name.EndsWith("@sample", StringComparison.Ordinal);
        var scale = sample ? file.ReadDoubles(name.Replace("@sample", "@stats", StringComparison.Ordinal))[2] : values.Max(Math.Abs);
        // Near the start: in padded windows that is a cell of the image.
        values[Math.Min(3, values.Length - 1)] += (float)(1e-3 * scale);
        return SafetensorsTensor.Of(name, shape, values);
    }
}
