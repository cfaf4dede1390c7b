using AuralSam2.Media;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class FrameFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Frames_follow_their_numbers()
    {
        string[] order =
        [
            "0.png", "clip_2.jpg", "0009.bmp", "9.png", "10.PNG", "a1_100.jpeg",
            "99999999999999999998.png", "99999999999999999999.png", "b.png", "c2d.png",
        ];
        foreach (var name in order.Reverse()) Save(name, 4, 3);
        folder.Write("notes_1.txt", "not a frame"u8);
        folder.Write("._0.png", "what a file manager leaves"u8);
        using var frames = new FrameFolder(folder.Root, 2);
        Assert.Equal(order, frames.Files.Select(f => Path.GetFileName(f)!));
        Assert.Equal((order.Length, 4, 3, 2.0, folder.Root), (frames.Count, frames.Width, frames.Height, frames.FramesPerSecond, frames.Description));
        Assert.Equal(4, frames.Read(0).Width);
    }

    [Fact]
    public void A_bad_frame_is_found_before_any_is_read()
    {
        for (var i = 0; i < 5; i++) Save($"{i}.png", 4, 3);
        folder.Write("3.png", "no picture at all, really"u8);
        MediaAssert.Fails(() => new FrameFolder(folder.Root, 1), "3.png", "no picture");
        Save("3.png", 5, 3);
        MediaAssert.Fails(() => new FrameFolder(folder.Root, 1), "3.png", "5 x 3", "4 x 3");
        Save("3.png", 4, 3);
        using var frames = new FrameFolder(folder.Root, 1);
        Save("3.png", 5, 3);
        MediaAssert.Fails(() => frames.Read(3), "3.png", "5 x 3", "4 x 3");
    }

    [Fact]
    public void Folders_without_frames_say_so()
    {
        MediaAssert.Fails(() => new FrameFolder(folder["none"], 1), "none", "no such folder");
        MediaAssert.Fails(() => new FrameFolder(folder.Root, 1), folder.Root, "no pictures");
        MediaAssert.Fails(() => new FrameFolder(folder.Write("clip.mp4", [1]), 1), "clip.mp4", "--video");
        foreach (var rate in new[] { 0, -1, double.NaN, double.PositiveInfinity })
            Assert.Throws<ArgumentOutOfRangeException>(() => new FrameFolder(folder.Root, rate));
    }

    private void Save(string name, int width, int height)
    {
        var kind = Path.GetExtension(name).TrimStart('.').ToLowerInvariant();
        folder.Write(name, TestPictures.Encode(TestPictures.Noise(width, height), kind == "jpeg" ? "jpg" : kind));
    }
}
