using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>Sound and prompts in one decoder call (the paper's Table 6).</summary>
public sealed class HearingVideoTests(MiniModel mini) : IClassFixture<MiniModel>
{
    private static readonly VideoPrompt Click = new(0) { Points = [new(20, 20)] };

    [Fact]
    public async Task Sound_changes_what_is_seen_on_prompted_and_on_tracked_frames()
    {
        var silent = await Track(sound: null);
        var heard = await Track(GeneratedFrames.Sound());
        var other = await Track(GeneratedFrames.Sound(channels: 1));
        Assert.Equal(5, heard.Count);
        for (var i = 0; i < 5; i++)
        {
            Assert.NotEqual(silent[i].Objects[0].ObjectScore, heard[i].Objects[0].ObjectScore);
            Assert.NotEqual(other[i].Objects[0].ObjectScore, heard[i].Objects[0].ObjectScore);
        }
    }

    [Fact]
    public async Task A_stream_with_sound_gives_the_same_as_a_clip()
    {
        using var frames = new GeneratedFrames(18);
        var predictor = new VideoPredictor(mini.Model, new VideoOptions { Window = 4 });
        using var clip = predictor.Open(frames, GeneratedFrames.Sound(18));
        using var stream = predictor.Open(frames.Stream(), sound: GeneratedFrames.Sound(18));
        clip.Prompt(Click);
        stream.Prompt(Click);
        var (expected, actual) = (new List<float>(), new List<float>());
        await foreach (var frame in clip.PropagateAsync()) expected.Add(frame.Objects[0].ObjectScore);
        await foreach (var frame in stream.PropagateAsync()) actual.Add(frame.Objects[0].ObjectScore);
        Assert.Equal(18, expected.Count);
        Assert.Equal(expected, actual);
    }

    /// <summary>Audio goes to the four mask tokens, whatever prompt tokens stand behind them, and never to the prompts.</summary>
    [Fact]
    public void Prompt_tokens_stay_out_of_the_sound()
    {
        var (device, sam2) = (mini.Model.Device, mini.Model.Network.Sam2);
        var grid = sam2.Config.Grid;
        using var scope = device.Scope();
        Tensor features = Noise(grid * grid, FpnNeck.Channels), stride4 = Noise(4 * grid, 4 * grid, 32), stride8 = Noise(2 * grid, 2 * grid, 64);
        var points = sam2.PromptEncoder.Sparse([new PromptPoint(10, 20, PointLabel.Positive), new PromptPoint(90, 90, PointLabel.Negative)]);
        Tensor nothing = device.Rent(grid * grid, AuralFuser.Channels), silence = device.Rent(AuralFuser.Channels);
        device.Fill(nothing, 0);
        device.Fill(silence, 0);
        var without = Decode(null);
        Assert.Equal(without, Decode(new AudioPrompts([nothing, nothing, nothing], [silence, silence, silence])));
        var tone = device.Rent(AuralFuser.Channels);
        device.Fill(tone, 0.5f);
        Assert.NotEqual(without, Decode(new AudioPrompts([nothing, nothing, nothing], [tone, tone, tone])));

        float[] Decode(AudioPrompts? audio)
        {
            using var inner = device.Scope();
            var image = device.Rent(grid * grid, FpnNeck.Channels);
            device.Copy(features, image);
            return device.Download(sam2.MaskDecoder.Forward(image, sam2.PromptEncoder.DensePositions, points, stride4, stride8, audio).Masks);
        }

        Tensor Noise(params int[] shape)
        {
            var tensor = device.Rent(shape);
            device.Upload([.. Enumerable.Range(0, (int)tensor.Length).Select(i => MathF.Sin(i * 0.37f))], tensor);
            return tensor;
        }
    }

    private async Task<List<TrackedFrame>> Track(Waveform? sound)
    {
        using var frames = new GeneratedFrames(5);
        using var session = new VideoPredictor(mini.Model).Open(frames, sound);
        session.Prompt(Click);
        var all = new List<TrackedFrame>();
        await foreach (var frame in session.PropagateAsync()) all.Add(frame);
        return all;
    }
}
