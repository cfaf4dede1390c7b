using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Tests.Weights;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>These tests measure memory: they run alone.</summary>
[CollectionDefinition(nameof(LoadTests), DisableParallelization = true)]
public sealed class LoadTestsRunAlone;

/// <summary>Loading a model: whole, or not at all.</summary>
[Collection(nameof(LoadTests))]
public sealed class LoadTests : IDisposable
{
    /// <summary>Bytes of VGGish, which every model holds.</summary>
    private const long SoundEncoder = 72_141_184L * sizeof(float);

    private readonly TemporaryFolder folder = new();
    private readonly CpuDevice device = new(2);

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Weights_of_another_model_list_every_kind_of_problem_at_once()
    {
        var path = folder.Safetensors(
            "t.safetensors", SparseFiles.Parameters(Sam2Config.Named("t", Sam2Version.V21), new FuserConfig(FuserVariant.Avs, [1, 1, 1], 3)));
        using var file = SafetensorsFile.Open(path);
        var before = WorkingSet();
        var message = Assert.Throws<WeightsException>(() => AuralSam2Model.Load(device, "mini", file)).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains("--model", message.Split('\n')[0], StringComparison.Ordinal);
        Assert.Contains("missing: aural_fuser.f_blocks.2.1.", message, StringComparison.Ordinal);
        Assert.Contains("shape: image_encoder.trunk.pos_embed expected [1, 16, 7, 7], found [1, 96, 7, 7]", message, StringComparison.Ordinal);
        Assert.Contains("unexpected: image_encoder.trunk.blocks.7.", message, StringComparison.Ordinal);
        Assert.Equal(0, device.Arena.OpenScopes);
        Assert.InRange(WorkingSet() - before, long.MinValue, SoundEncoder / 2); // it was refused before it was read
    }

    [Fact]
    public void Weights_that_are_no_numbers_are_an_error_not_an_empty_mask()
    {
        using var model = AuralSam2Model.Load(device, "mini", new ChangedWeights(name => name == "no_mem_embed" ? [.. Enumerable.Repeat(float.NaN, 256)] : null));
        var segments = new AudioVisualPredictor(model).Segment(new GeneratedFrames(1), GeneratedFrames.Sound(1), new SegmentOptions());
        Assert.Contains("not a number", Assert.Throws<WeightsException>(() => segments.ToList()).Message, StringComparison.Ordinal);
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    [Fact]
    public void A_load_that_fails_half_way_gives_everything_back()
    {
        // The last parameters are read when nearly all memory is taken.
        var failing = new ChangedWeights(name => name == "aural_fuser.train_proj_a1.proj.2.bias" ? throw new WeightsException("torn") : null);
        var before = WorkingSet();
        for (var i = 0; i < 4; i++) Assert.Throws<WeightsException>(() => AuralSam2Model.Load(device, "mini", failing));
        Assert.InRange(WorkingSet() - before, long.MinValue, 2 * SoundEncoder);
    }

    [Fact]
    public void A_model_gives_everything_back()
    {
        var before = WorkingSet();
        for (var i = 0; i < 4; i++)
        {
            using var model = AuralSam2Model.Load(device, "mini", new RuleWeights());
            Assert.Equal(2, new AudioVisualPredictor(model).Segment(new GeneratedFrames(2), GeneratedFrames.Sound(), new SegmentOptions()).Count());
        }

        Assert.InRange(WorkingSet() - before, long.MinValue, 2 * SoundEncoder);
    }

    [Fact]
    public void Progress_rises_to_one()
    {
        var shares = new List<double>();
        using var model = AuralSam2Model.Load(device, "mini", new RuleWeights(), new Collected(shares));
        Assert.Equal(shares.Order(), shares);
        Assert.Equal(1, shares[^1]);
    }

    [Theory]
    [InlineData("xl", null)]
    [InlineData("mini", 100)]
    [InlineData("mini", 32)]
    [InlineData("mini", -128)]
    public void A_model_that_does_not_exist_is_refused(string name, int? size) =>
        Assert.Throws<ArgumentException>(() => AuralSam2Model.Load(device, name, new RuleWeights(), imageSize: size));

    private static long WorkingSet()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private sealed class Collected(List<double> values) : IProgress<double>
    {
        public void Report(double value) => values.Add(value);
    }
}
