using System.IO.Compression;
using System.Text;
using AuralSam2.Weights.Torch;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>One entry of a zip made by hand; what is set lies.</summary>
internal sealed record ZippedFile(string Name, byte[] Contents)
{
    public bool Deflated { get; init; }

    /// <summary>Whether checksum and lengths come behind the contents, as PyTorch writes them.</summary>
    public bool LengthsFollow { get; init; }

    public bool Zip64 { get; init; }

    public uint? Checksum { get; init; }

    public long? Length { get; init; }

    public string? LocalName { get; init; }

    public ushort? Method { get; init; }

    public ushort Flags { get; init; }

    /// <summary>Header that the directory points at instead of the entry's own.</summary>
    public long? Offset { get; init; }
}

/// <summary>Writes zips, right and wrong.</summary>
internal static class ZipWriter
{
    private const int Alignment = 64;

    public static byte[] Write(params IReadOnlyList<ZippedFile> files) => Write(files, zip64End: false);

    /// <param name="files">The entries, in this order.</param>
    /// <param name="zip64End">Whether the end record has its zip64 twin, as PyTorch writes it.</param>
    /// <param name="count">Entries that the end record claims.</param>
    /// <param name="comment">Bytes at the very end.</param>
    public static byte[] Write(IReadOnlyList<ZippedFile> files, bool zip64End, long? count = null, string comment = "")
    {
        var zip = new MemoryStream();
        var directory = new MemoryStream();
        foreach (var file in files) Add(zip, directory, file);
        var start = zip.Length;
        zip.Write(directory.ToArray());
        var entries = count ?? files.Count;
        if (zip64End)
        {
            var record = zip.Length;
            Write(zip, 0x06064b50u, 44L, (ushort)45, (ushort)45, 0u, 0u, entries, entries, directory.Length, start);
            Write(zip, 0x07064b50u, 0u, record, 1u);
        }

        Write(zip, 0x06054b50u, (ushort)0, (ushort)0, (ushort)entries, (ushort)entries);
        Write(zip, (uint)directory.Length, (uint)start, (ushort)comment.Length);
        zip.Write(Encoding.ASCII.GetBytes(comment));
        return zip.ToArray();
    }

    private static void Add(MemoryStream zip, MemoryStream directory, ZippedFile file)
    {
        var stored = file.Deflated ? Deflate(file.Contents) : file.Contents;
        var checksum = file.Checksum ?? Crc32.Append(0, file.Contents);
        var (offset, length) = (zip.Length, file.Length ?? file.Contents.Length);
        var method = file.Method ?? (ushort)(file.Deflated ? 8 : 0);
        var flags = (ushort)(file.Flags | (file.LengthsFollow ? 8 : 0));
        var (name, localName) = (Encoding.UTF8.GetBytes(file.Name), Encoding.UTF8.GetBytes(file.LocalName ?? file.Name));

        var header = 30 + localName.Length + 4;
        var padding = (int)((Alignment - ((offset + header) % Alignment)) % Alignment);
        var early = file.LengthsFollow ? (0u, 0u, 0u) : (checksum, (uint)stored.Length, (uint)length);
        Write(zip, 0x04034b50u, (ushort)20, flags, method, 0u, early.Item1, early.Item2, early.Item3);
        Write(zip, (ushort)localName.Length, (ushort)(4 + padding));
        zip.Write(localName);
        Write(zip, (ushort)0x4246, (ushort)padding);
        zip.Write(new byte[padding]);
        zip.Write(stored);
        if (file is { LengthsFollow: true, Zip64: false }) Write(zip, 0x08074b50u, checksum, (uint)stored.Length, (uint)length);
        if (file is { LengthsFollow: true, Zip64: true }) Write(zip, 0x08074b50u, checksum, (long)stored.Length, length);

        var start = file.Offset ?? offset;
        var (storedLength32, length32, start32) = ((uint)stored.Length, (uint)length, (uint)start);
        if (file.Zip64) storedLength32 = length32 = start32 = uint.MaxValue;
        Write(directory, 0x02014b50u, (ushort)20, (ushort)20, flags, method, 0u, checksum, storedLength32, length32);
        Write(directory, (ushort)name.Length, (ushort)(file.Zip64 ? 34 : 0), (ushort)0, (ushort)0, (ushort)0, 0u, start32);
        directory.Write(name);
        if (file.Zip64) Write(directory, (ushort)0x6375, (ushort)2, (ushort)7, (ushort)1, (ushort)24, length, (long)stored.Length, start);
    }

    private static byte[] Deflate(byte[] contents)
    {
        var deflated = new MemoryStream();
        using (var stream = new DeflateStream(deflated, CompressionLevel.SmallestSize)) stream.Write(contents);
        return deflated.ToArray();
    }

    private static void Write(Stream stream, params object[] values)
    {
        foreach (var value in values)
        {
            stream.Write(value switch
            {
                ushort number => BitConverter.GetBytes(number),
                uint number => BitConverter.GetBytes(number),
                long number => BitConverter.GetBytes(number),
                _ => throw new ArgumentException($"no field of {value.GetType()}"),
            });
        }
    }
}
