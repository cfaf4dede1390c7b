using System.Diagnostics;
using AuralSam2.Media;
using AuralSam2.Testing;
using Xunit;

namespace AuralSam2.Tests.Media;

/// <summary>These tests change PATH or measure time: they run alone.</summary>
[CollectionDefinition(nameof(VideoTests), DisableParallelization = true)]
public sealed class VideoTestsRunAlone;

[Collection(nameof(VideoTests))]
public sealed class VideoTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Frames_and_sound_of_a_video_come_out()
    {
        var clip = Make("clip.mp4", "-f lavfi -i color=c=red:size=64x48:rate=10:duration=2 -f lavfi -i sine=frequency=440:duration=2 -ac 2 -pix_fmt yuv420p");
        using var video = VideoFile.Open(clip, 5);
        Assert.Equal((10, 64, 48, 5.0, clip), (video.Count, video.Width, video.Height, video.FramesPerSecond, video.Description));
        Assert.Null(video.Warning);
        for (var i = 0; i < video.Count; i++)
        {
            var pixels = video.Read(i).Pixels;
            Assert.True(pixels[0] > 240 && pixels[1] < 15 && pixels[2] < 15);
        }

        foreach (var sound in new[] { VideoFile.ReadSound(clip), SoundReader.Read(clip) })
        {
            Assert.Equal((44100, 2), (sound.SampleRate, sound.Channels.Count));
            Assert.InRange(sound.Seconds, 1.95, 2.1);
            Assert.InRange(sound.Channels[1].Max(), 0.05f, 0.2f);
        }
    }

    [Fact]
    public void Frame_i_is_the_picture_in_the_middle_of_its_stretch()
    {
        // Grey level = 8 * frame number at 10 frames per second: 5 stands in the middle of the first second.
        var clip = Make("clip.mkv", "-f lavfi -i color=black:size=32x32:rate=10:duration=3 -vf format=gray,geq=lum=N*8 -c:v ffv1");
        using var video = VideoFile.Open(clip, 1);
        Assert.Equal(3, video.Count);
        for (var i = 0; i < 3; i++) Assert.InRange(video.Read(i).Pixels[0] / 8.0, 10 * i + 4, 10 * i + 5.1);
    }

    [Fact]
    public void Frames_beyond_the_memory_lie_on_disk()
    {
        var clip = Make("clip.mkv", "-f lavfi -i testsrc=size=40x30:rate=5:duration=2 -c:v ffv1");
        using var inMemory = VideoFile.Open(clip, 5);
        using var onDisk = VideoFile.Open(clip, 5, memory: 3 * 40 * 30 * 3);
        Assert.Equal(10, onDisk.Count);
        foreach (var i in new[] { 0, 2, 3, 9, 4 }) Assert.Equal(inMemory.Read(i).Pixels, onDisk.Read(i).Pixels);
        Assert.Throws<ArgumentOutOfRangeException>(() => onDisk.Read(10));
    }

    [Theory]
    [InlineData("bus")]
    [InlineData("horse")]
    [InlineData("tabla")]
    [InlineData("two-instruments")]
    public void Prepared_clips_have_the_same_frames_and_sound(string name)
    {
        RequireFfmpeg();
        var clip = Repository.SharedOrSkip("media", "clips", name);
        using var video = VideoFile.Open(Path.Combine(clip, "clip.mp4"), 1);
        using var frames = new FrameFolder(Path.Combine(clip, "frames"), 1);
        Assert.Equal((5, frames.Width, frames.Height), (video.Count, video.Width, video.Height));
        for (var i = 0; i < 5; i++)
        {
            var mean = video.Read(i).Pixels.Zip(frames.Read(i).Pixels, (a, b) => Math.Abs(a - b)).Average();
            Assert.True(mean < 1, $"frame {i} is off by {mean} levels on average");
        }

        var expected = WaveReader.Read(Path.Combine(clip, "audio.wav")).Channels[0];
        var sound = VideoFile.ReadSound(Path.Combine(clip, "clip.mp4"));
        var mono = sound.Channels[0].Zip(sound.Channels[1], (left, right) => (left + right) / 2).ToArray();
        var resampled = Resampler.Resample(new Waveform(sound.SampleRate, [mono]), 16000).Channels[0];
        var length = Math.Min(expected.Length, resampled.Length);
        double error = 0, energy = 0;
        for (var i = 0; i < length; i++)
        {
            error += Math.Pow(resampled[i] - expected[i], 2);
            energy += Math.Pow(expected[i], 2);
        }

        Assert.True(error < 0.02 * energy, $"the sound differs by {error / energy:P} of its energy");
    }

    [Theory]
    [InlineData("sound.mp3", "libmp3lame")]
    [InlineData("sound.flac", "flac")]
    [InlineData("misnamed.wav.ogg", "libvorbis")]
    public void Sound_of_other_kinds_goes_through_ffmpeg(string name, string codec)
    {
        var file = Make(name, $"-f lavfi -i sine=frequency=300:sample_rate=22050:duration=1 -c:a {codec}");
        var wav = folder["renamed.wav"]; // the content decides
        File.Move(file, wav);
        var sound = SoundReader.Read(wav);
        Assert.Equal((22050, 1), (sound.SampleRate, sound.Channels.Count));
        Assert.InRange(sound.Seconds, 0.95, 1.1);
    }

    [Fact]
    public void Files_that_cannot_be_used_say_why()
    {
        RequireFfmpeg();
        var silent = Make("silent.mp4", "-f lavfi -i color=red:size=32x32:rate=10:duration=1 -pix_fmt yuv420p");
        MediaAssert.Fails(() => VideoFile.ReadSound(silent), "silent.mp4", "has no sound: pass --audio FILE");
        WaveWriter.WritePcm16(folder["a.wav"], new Waveform(8000, [new float[800]]));
        MediaAssert.Fails(() => VideoFile.Open(folder["a.wav"], 1), "a.wav", "no video stream", "--frames");
        MediaAssert.Fails(() => VideoFile.Open(folder["none.mp4"], 1), "none.mp4", "no such file");
        MediaAssert.Fails(() => VideoFile.Open(folder.Root, 1), "is a folder");
        var broken = folder.Write("-broken.mp4", "hello, this is no video"u8);
        MediaAssert.Fails(() => VideoFile.Open(broken, 1), "-broken.mp4", "Invalid data");
        MediaAssert.Fails(() => SoundReader.Read(broken), "-broken.mp4", "Invalid data");
        var brief = Make("short.mkv", "-f lavfi -i color=red:size=32x32:rate=10:duration=0.3 -c:v ffv1");
        MediaAssert.Fails(() => VideoFile.Open(brief, 1), "short.mkv", "--fps");
    }

    [Fact]
    public void A_video_that_breaks_off_warns()
    {
        var whole = File.ReadAllBytes(Make("whole.mkv", "-f lavfi -i testsrc=size=160x120:rate=10:duration=2 -c:v ffv1"));
        using var video = VideoFile.Open(folder.Write("part.mkv", whole.AsSpan(0, whole.Length * 2 / 3)), 10);
        Assert.InRange(video.Count, 5, 19);
        Assert.Contains($"{video.Count} frames were read", video.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_ffmpeg_the_message_says_what_to_install()
    {
        var path = Environment.GetEnvironmentVariable("PATH");
        try
        {
            Environment.SetEnvironmentVariable("PATH", folder.Root);
            MediaAssert.Fails(() => VideoFile.Open(folder.Write("a.mp4", [1]), 1), "ffmpeg was not found on PATH", "apt-get install ffmpeg", "--frames and --audio");
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }

    [Fact]
    public void Cancelling_ends_ffmpeg_at_once()
    {
        var clip = Make("long.mkv", "-f lavfi -i color=red:size=16x16:rate=1:duration=20000 -c:v ffv1");
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        var clock = Stopwatch.StartNew();
        Assert.ThrowsAny<OperationCanceledException>(() => VideoFile.Open(clip, 1000, cancel.Token));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 5);
        Assert.ThrowsAny<OperationCanceledException>(() => VideoFile.Open(clip, 1, cancel.Token));
    }

    private string Make(string name, string arguments)
    {
        RequireFfmpeg();
        using var process = Process.Start(new ProcessStartInfo("ffmpeg", ["-nostdin", "-v", "error", .. arguments.Split(' '), folder[name]]))!;
        process.WaitForExit();
        if (process.ExitCode != 0) Assert.Skip($"this ffmpeg cannot make {name}");
        return folder[name];
    }

    private static void RequireFfmpeg()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (!folders.Any(f => File.Exists(Path.Combine(f, "ffmpeg")) || File.Exists(Path.Combine(f, "ffmpeg.exe")))) Assert.Skip("ffmpeg is not on PATH");
    }
}
