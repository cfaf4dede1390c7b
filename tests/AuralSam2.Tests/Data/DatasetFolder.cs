using System.Text;
using AuralSam2.Media;
using AuralSam2.Tests.Media;

namespace AuralSam2.Tests.Data;

/// <summary>Builds small datasets in their owners' layout.</summary>
internal sealed class DatasetFolder : IDisposable
{
    public const int Width = 12;
    public const int Height = 8;

    private readonly TemporaryFolder folder = new();
    private readonly List<string> avsRows = ["vid,uid,s_min,split,label"];
    private readonly List<string> refRows = ["uid,vid,fid,exp,split"];

    public string Root => folder.Root;

    public string AvsTable => Path.Combine(Root, "AVSBench", "avss_index", "metadata.csv");

    public string RefTable => Path.Combine(Root, "REFAVS", "metadata.csv");

    public string AvsClip(string label, string uid) => Path.Combine(Root, "AVSBench", label, uid);

    public string RefMedia(string vid) => Path.Combine(Root, "REFAVS", "media", vid);

    public string RefMasks(string vid, int fid) => Path.Combine(Root, "REFAVS", "gt_mask", vid, $"fid_{fid}");

    /// <summary>Adds a clip of AVSBench; frame i of a clip is called <c>UID_i.png</c>.</summary>
    public DatasetFolder Avs(string label, string uid, string split, int frames = 5, int labels = 5)
    {
        avsRows.Add($"x,{uid},0,{split},{label}");
        var clip = AvsClip(label, uid);
        Pictures(Path.Combine(clip, "frames"), uid + "_", frames, colour: true);
        Pictures(Path.Combine(clip, "labels_rgb"), uid + "_", labels, colour: false);
        Sound(Path.Combine(clip, "audio.wav"), frames);
        return this;
    }

    /// <summary>Adds a sentence of Ref-AVS, and the files of its clip where they are not there yet.</summary>
    public DatasetFolder Ref(string uid, string vid, int fid, string sentence, string split, bool masks = true)
    {
        refRows.Add($"{uid},{vid},{fid},{sentence},{split}");
        var media = RefMedia(vid);
        if (!Directory.Exists(media))
        {
            Pictures(Path.Combine(media, "frames"), "", 10, colour: true);
            Sound(Path.Combine(media, "audio.wav"), 10);
        }

        if (masks) Pictures(RefMasks(vid, fid), "0000", 10, colour: false);
        return this;
    }

    /// <summary>Adds a row as it is.</summary>
    public DatasetFolder AvsRow(string row)
    {
        avsRows.Add(row);
        return this;
    }

    /// <inheritdoc cref="AvsRow"/>
    public DatasetFolder RefRow(string row)
    {
        refRows.Add(row);
        return this;
    }

    /// <summary>Writes the tables.</summary>
    public DatasetFolder Write(string lineEnd = "\n", bool byteOrderMark = false)
    {
        foreach (var (path, rows) in ((string, List<string>)[])[(AvsTable, avsRows), (RefTable, refRows)])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, string.Join(lineEnd, rows) + lineEnd, new UTF8Encoding(byteOrderMark));
        }

        return this;
    }

    public void Dispose() => folder.Dispose();

    public static void Sound(string path, double seconds)
    {
        var samples = Enumerable.Range(0, (int)(seconds * 16000)).Select(i => 0.5f * MathF.Sin(i * 0.1f)).ToArray();
        WaveWriter.WritePcm16(path, new Waveform(16000, [samples, [.. samples.Select(s => s / 2)]]));
    }

    /// <summary>Noise for frames; for labels the left i + 1 columns in (128, 0, 0), as in AVSBench.</summary>
    private static void Pictures(string folder, string prefix, int count, bool colour)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < count; i++)
        {
            var image = colour ? TestPictures.Noise(Width, Height) : Label(i + 1);
            PngWriter.WriteRgb(Path.Combine(folder, $"{prefix}{i}.png"), image);
        }
    }

    public static RgbImage Label(int columns)
    {
        var pixels = new byte[Width * Height * 3];
        for (var i = 0; i < Width * Height; i++) pixels[3 * i] = (byte)(i % Width < columns ? 128 : 0);
        return new RgbImage(Width, Height, pixels);
    }
}
