namespace AuralSam2.Media;

/// <summary>Binary PPM pictures ("P6", width, height, 255, pixels), one after the other, as ffmpeg writes them to a pipe.</summary>
internal sealed class PpmStream(Stream stream)
{
    private readonly BufferedStream stream = new(stream, 1 << 16);

    /// <summary>The next picture; null at the end of the stream, and where the last picture is incomplete.</summary>
    public RgbImage? TryRead()
    {
        if (Word() != "P6") return null;
        if (!int.TryParse(Word(), out var width) || !int.TryParse(Word(), out var height) || Word() != "255") return null;
        var pixels = new byte[checked(width * height * 3)];
        return stream.ReadAtLeast(pixels, pixels.Length, throwOnEndOfStream: false) == pixels.Length ? new RgbImage(width, height, pixels) : null;
    }

    /// <summary>Characters up to a white space, which is consumed.</summary>
    private string Word()
    {
        var word = "";
        for (var c = stream.ReadByte(); c > ' '; c = stream.ReadByte()) word += (char)c;
        return word;
    }
}
