using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AuralSam2.Weights;

/// <summary>Writes safetensors files: the same tensors give the same bytes, and a file is either whole or not there.</summary>
public static class SafetensorsWriter
{
    /// <summary>Bytes. Data starts on a multiple of this, as the reference implementation has it.</summary>
    private const int Alignment = 8;

    /// <summary>
    /// Writes a file. The tensors go to a temporary file beside it that reaches the disk before it takes the name, so a failure of
    /// any kind leaves the previous file as it was. What a writer that was killed has left there is removed by the next one.
    /// </summary>
    /// <param name="path">File to write or replace; its folder exists.</param>
    /// <param name="metadata">Free key-value pairs, written in the ordinal order of their keys.</param>
    /// <param name="tensors">Tensors, written in this order.</param>
    /// <param name="progress">Told the share of the tensors' bytes that is written, 0 to 1, after every tensor.</param>
    /// <param name="cancellation">Looked at before every tensor, and before the file takes its place.</param>
    /// <exception cref="ArgumentException">Two tensors of one name.</exception>
    /// <exception cref="WeightsException">The file cannot be written, or one that a tensor comes from is damaged.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; nothing is left behind.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, string>? metadata, IEnumerable<SafetensorsTensor> tensors,
        IProgress<double>? progress = null, CancellationToken cancellation = default) =>
        Write(path, metadata, tensors, file => file, progress, cancellation);

    /// <summary>The same through a stream of the caller's, which writes to the one it is given.</summary>
    internal static void Write(
        string path, IReadOnlyDictionary<string, string>? metadata, IEnumerable<SafetensorsTensor> tensors, Func<Stream, Stream> through,
        IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("safetensors are written on little-endian machines only");
        SafetensorsTensor[] all = [.. tensors];
        var header = Header(metadata, all);
        if (header.Length > SafetensorsHeader.LongestHeader)
            throw new WeightsException($"{path}: a header of {header.Length} bytes is beyond the format's limit; write fewer tensors");

        var full = Path.GetFullPath(path);
        var (folder, file) = (Path.GetDirectoryName(full) ?? full, Path.GetFileName(full));
        var temporary = Path.Combine(folder, $".{file}.{Path.GetRandomFileName()}.tmp");
        cancellation.ThrowIfCancellationRequested(); // who interrupts twice removes what is there, not what would appear next
        try
        {
            DiscardAbandoned(full);
            using (var disk = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                var stream = through(disk);
                Span<byte> length = stackalloc byte[sizeof(ulong)];
                BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
                stream.Write(length);
                stream.Write(header);
                double total = all.Sum(tensor => tensor.ByteLength), written = 0;
                foreach (var tensor in all)
                {
                    cancellation.ThrowIfCancellationRequested();
                    tensor.WriteTo(stream);
                    written += tensor.ByteLength;
                    progress?.Report(written == total ? 1 : written / total);
                }

                stream.Flush();
                disk.Flush(flushToDisk: true); // takes as long as the disk does
            }

            cancellation.ThrowIfCancellationRequested();
            File.Move(temporary, full, overwrite: true);
            FolderFlush.Run(folder);
        }
        catch (Exception e)
        {
            Discard(temporary);
            if (e is not (IOException or UnauthorizedAccessException)) throw;
            throw new WeightsException($"{path}: cannot be written ({e.Message}); is its folder there, writable and not full?", e);
        }
    }

    /// <summary>
    /// Removes what writers of a file that were killed have left beside it. One that lives holds its file locked, and cannot be opened.
    /// </summary>
    internal static void DiscardAbandoned(string path)
    {
        var full = Path.GetFullPath(path);
        var pattern = $".{Path.GetFileName(full)}.????????.???.tmp"; // as Path.GetRandomFileName has it
        foreach (var abandoned in Directory.GetFiles(Path.GetDirectoryName(full) ?? full, pattern))
        {
            try
            {
                using var removed = new FileStream(
                    abandoned, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
            }
        }
    }

    private static byte[] Header(IReadOnlyDictionary<string, string>? metadata, SafetensorsTensor[] tensors)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 }) WriteMetadata(json, metadata);
            var names = new HashSet<string>();
            var offset = 0L;
            foreach (var tensor in tensors)
            {
                if (!names.Add(tensor.Name)) throw new ArgumentException($"two tensors are called {tensor.Name}", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType.Tag());
                json.WriteStartArray("shape");
                foreach (var dim in tensor.Shape) json.WriteNumberValue(dim);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset += tensor.ByteLength;
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % Alignment != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(SafetensorsHeader.MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
        json.WriteEndObject();
    }

    /// <summary>Best effort: what made the writer fail may also keep the file from being deleted, and is the error worth telling.</summary>
    private static void Discard(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
