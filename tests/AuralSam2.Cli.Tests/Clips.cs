using System.Diagnostics;
using AuralSam2.Media;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary>Inputs that tests make.</summary>
internal static class Clips
{
    /// <summary>Writes a folder of frames with a disc that wanders.</summary>
    public static string Frames(string folder, int count, int width = 60, int height = 44)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < count; i++) Frame(Path.Combine(folder, $"{i}.png"), i, width, height);
        return folder;
    }

    /// <summary>Writes one frame.</summary>
    public static void Frame(string path, int index, int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (var p = 0; p < width * height; p++)
            (pixels[3 * p], pixels[(3 * p) + 1]) =
                IsDisc(p, index, width, height) ? ((byte)240, (byte)60) : ((byte)20, (byte)(p * 200 / (width * height)));
        PngWriter.WriteRgb(path, new RgbImage(width, height, pixels));
    }

    /// <summary>Whether a pixel of a frame belongs to the disc.</summary>
    public static bool IsDisc(int pixel, int index, int width, int height)
    {
        double x = (pixel % width / (double)width) - 0.3 - (0.1 * index), y = (pixel / width / (double)height) - 0.5;
        return (x * x) + (y * y) < 0.04;
    }

    /// <summary>Writes a tone, or silence where <paramref name="loudness"/> is 0.</summary>
    public static string Sound(string path, double seconds = 3, float loudness = 0.3f, int channels = 1)
    {
        float[] tone = [.. Enumerable.Range(0, (int)(seconds * 16000)).Select(i => loudness * MathF.Sin(i * 0.17f))];
        WaveWriter.WritePcm16(path, new Waveform(16000, [.. Enumerable.Repeat(tone, channels)]));
        return path;
    }

    /// <summary>Makes a video; skips the test where there is no ffmpeg.</summary>
    public static string VideoOrSkip(string path, string arguments)
    {
        try
        {
            using var ffmpeg = Process.Start(new ProcessStartInfo("ffmpeg", $"-v error -y {arguments} \"{path}\"") { RedirectStandardError = true })!;
            var complaint = ffmpeg.StandardError.ReadToEnd();
            ffmpeg.WaitForExit();
            Assert.True(ffmpeg.ExitCode == 0, complaint);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("no ffmpeg here");
        }

        return path;
    }

    /// <summary>Writes a fixture with other metadata, or one other value in a tensor.</summary>
    public static string ChangedFixture(string golden, string path, string? kind = null, string? tensor = null)
    {
        using var file = SafetensorsFile.Open(golden);
        var metadata = file.Metadata.ToDictionary();
        if (kind is not null) metadata["kind"] = kind;
        SafetensorsWriter.Write(path, metadata, file.Tensors.Keys.Select(name =>
        {
            if (name != tensor) return SafetensorsTensor.Of(file, name);
            var values = file.ReadFloats(name);
            values[0] += 1;
            return SafetensorsTensor.Of(name, [.. file.Tensors[name].Shape], values);
        }));
        return path;
    }
}
