using StbImageSharp;

namespace AuralSam2.Media;

/// <summary>Reads pictures: PNG, JPEG, BMP (through StbImageSharp).</summary>
public static class ImageReader
{
    /// <summary>A picture beyond this is taken for a damaged header.</summary>
    private const long MostPixels = 1L << 28;

    /// <summary>Reads a picture; grey becomes RGB, alpha is dropped, 16 bits become 8. Orientation tags of cameras are not applied.</summary>
    /// <param name="path">File.</param>
    /// <exception cref="MediaException">The file is missing, is no picture, or is damaged or cut off.</exception>
    public static RgbImage Read(string path)
    {
        var bytes = MediaFile.ReadAll(path);
        CheckSize(bytes, path);
        try
        {
            var image = ImageResult.FromStream(new PictureStream(bytes), ColorComponents.RedGreenBlue);
            return new RgbImage(image.Width, image.Height, image.Data);
        }
        catch (Exception e)
        {
            // The decoder reports damage by whatever its arrays and pointers run into.
            throw new MediaException($"{path}: the picture is damaged ({MediaFile.OneLine(e)}); copy or export it again", e);
        }
    }

    /// <summary>Reads the size of a picture and makes sure that none of it is cut off, without decoding it.</summary>
    /// <param name="path">File.</param>
    /// <exception cref="MediaException">The file is missing, is no picture, or is cut off.</exception>
    public static (int Width, int Height) ReadSize(string path) => CheckSize(MediaFile.ReadAll(path), path);

    private static (int Width, int Height) CheckSize(byte[] bytes, string path)
    {
        if (bytes.Length == 0) throw new MediaException($"{path}: an empty file; pass a PNG, JPEG or BMP file");
        if (!PictureEnd.Recognises(bytes)) throw new MediaException($"{path}: no picture; pass a PNG, JPEG or BMP file");
        if (!PictureEnd.IsComplete(bytes)) throw new MediaException($"{path}: the picture is cut off; copy or export it again");
        if (Info(bytes) is not { } size) throw new MediaException($"{path}: the picture has a damaged header; copy or export it again");
        if (size.Width > 0 && size.Height > 0 && (long)size.Width * size.Height <= MostPixels) return (size.Width, size.Height);
        throw new MediaException($"{path}: a picture of {size.Width} x {size.Height} pixels; the file is damaged or far too large, export it again");
    }

    private static ImageInfo? Info(byte[] bytes)
    {
        try
        {
            return ImageInfo.FromStream(new PictureStream(bytes));
        }
        catch
        {
            return null; // a header that the decoder trips over is as good as none
        }
    }

    /// <summary>Throws at its end: the decoder takes the -1 of a stream that has ended for 255 and looks for markers behind it forever.</summary>
    private sealed class PictureStream(byte[] bytes) : MemoryStream(bytes, writable: false)
    {
        public override int ReadByte() => Position < Length ? base.ReadByte() : throw new EndOfStreamException("the data end too early");

        public override int Read(byte[] buffer, int offset, int count) =>
            Position < Length || count == 0 ? base.Read(buffer, offset, count) : throw new EndOfStreamException("the data end too early");
    }
}
