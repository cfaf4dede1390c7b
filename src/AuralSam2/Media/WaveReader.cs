using System.Buffers.Binary;

namespace AuralSam2.Media;

/// <summary>
/// Reads RIFF/WAVE files: PCM of 8, 16, 24 and 32 bits, IEEE float of 32 and 64 bits, plain or as WAVE_FORMAT_EXTENSIBLE, any number
/// of channels, any rate.
/// </summary>
public static class WaveReader
{
    private const ushort Pcm = 1;
    private const ushort IeeeFloat = 3;
    private const ushort Extensible = 0xFFFE;
    private const int HighestRate = 1_000_000;

    /// <summary>Reads a WAV file.</summary>
    /// <param name="path">File.</param>
    /// <returns>Integers are divided by their full scale (16 bits by 32768), floats are taken as they are.</returns>
    /// <exception cref="MediaException">The file is missing, no WAV, of a kind that is not read here, cut off, or without samples.</exception>
    public static Waveform Read(string path) => Read(MediaFile.ReadAll(path), path);

    /// <summary>Whether a file begins like a WAV file.</summary>
    internal static bool Recognises(ReadOnlySpan<byte> start) =>
        start.Length >= 12 && start[..4].SequenceEqual("RIFF"u8) && start.Slice(8, 4).SequenceEqual("WAVE"u8);

    /// <summary>Reads the bytes of a WAV file.</summary>
    /// <param name="file">All of the file.</param>
    /// <param name="name">How errors name it.</param>
    internal static Waveform Read(ReadOnlySpan<byte> file, string name)
    {
        if (!Recognises(file)) throw new MediaException($"{name}: {MediaFile.Kind(file)}");
        Format? format = null;
        for (long at = 12; at + 8 <= file.Length;)
        {
            var id = file.Slice((int)at, 4);
            long size = BinaryPrimitives.ReadUInt32LittleEndian(file[((int)at + 4)..]);
            at += 8;
            if (id.SequenceEqual("data"u8))
            {
                if (format is null) throw new MediaException($"{name}: no format chunk before the samples; the file is damaged, export it again");
                return Decode(SampleBytes(file[(int)at..], size, streamed: size == 0 && IsStreamed(file), name), format.Value, name);
            }

            if (at + size > file.Length) break;
            if (id.SequenceEqual("fmt "u8)) format = ReadFormat(file.Slice((int)at, (int)size), name);
            at += size + (size & 1); // a chunk of odd size is followed by one byte of padding
        }

        throw new MediaException($"{name}: cut off before the first sample ({file.Length} bytes); copy or export it again");
    }

    /// <summary>A program that wrote to a pipe could not go back to fill in the size of the file either.</summary>
    private static bool IsStreamed(ReadOnlySpan<byte> file) => BinaryPrimitives.ReadUInt32LittleEndian(file[4..]) is 0 or uint.MaxValue;

    /// <summary>
    /// Size 0xFFFFFFFF stands for "unknown", and so does 0 in a file that was streamed; elsewhere 0 means that there are no samples.
    /// </summary>
    private static ReadOnlySpan<byte> SampleBytes(ReadOnlySpan<byte> rest, long size, bool streamed, string name)
    {
        if (size == uint.MaxValue || streamed) return rest;
        if (size > rest.Length)
            throw new MediaException($"{name}: cut off, it holds {rest.Length} of {size} bytes of samples; copy or export it again");
        return rest[..(int)size];
    }

    private static Format ReadFormat(ReadOnlySpan<byte> chunk, string name)
    {
        if (chunk.Length < 16)
            throw new MediaException($"{name}: a format chunk of {chunk.Length} bytes (at least 16); the file is damaged, export it again");
        var tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        var channels = BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]);
        var rate = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
        var block = BinaryPrimitives.ReadUInt16LittleEndian(chunk[12..]);
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
        if (tag == Extensible && chunk.Length >= 26) tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]); // first field of the GUID
        if (!((tag == Pcm && bits is 8 or 16 or 24 or 32) || (tag == IeeeFloat && bits is 32 or 64)))
            throw new MediaException($"{name}: WAV of {bits} bits with codec 0x{tag:X4}; convert it: ffmpeg -i FILE -c:a pcm_s16le OUT.wav");
        if (channels == 0 || rate is 0 or > HighestRate || block != channels * (bits / 8))
            throw new MediaException(
                $"{name}: a damaged format chunk ({channels} channels, {rate} Hz, {bits} bits, blocks of {block} bytes); export it again");
        return new Format(tag == IeeeFloat, channels, (int)rate, bits / 8);
    }

    private static Waveform Decode(ReadOnlySpan<byte> bytes, Format format, string name)
    {
        var block = format.Channels * format.SampleBytes;
        var length = bytes.Length / block;
        if (length == 0) throw new MediaException($"{name}: no samples; pass a file with sound");
        var channels = new float[format.Channels][];
        for (var c = 0; c < channels.Length; c++)
        {
            var samples = channels[c] = new float[length];
            for (var i = 0; i < length; i++) samples[i] = Sample(bytes.Slice(i * block + c * format.SampleBytes, format.SampleBytes), format.IsFloat);
            for (var i = 0; i < length; i++)
            {
                if (!float.IsFinite(samples[i]))
                    throw new MediaException($"{name}: sample {i} of channel {c + 1} is {samples[i]}; export the sound again");
            }
        }

        return new Waveform(format.Rate, channels);
    }

    private static float Sample(ReadOnlySpan<byte> bytes, bool isFloat) => (bytes.Length, isFloat) switch
    {
        (1, _) => (bytes[0] - 128) / 128f, // the only width that is unsigned
        (2, _) => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768f,
        (3, _) => ((sbyte)bytes[2] << 16 | bytes[1] << 8 | bytes[0]) / 8388608f,
        (4, false) => (float)(BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648.0),
        (4, true) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        _ => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes),
    };

    private readonly record struct Format(bool IsFloat, int Channels, int Rate, int SampleBytes);
}
