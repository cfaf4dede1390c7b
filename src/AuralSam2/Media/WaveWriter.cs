using System.Buffers.Binary;

namespace AuralSam2.Media;

/// <summary>Writes WAV files.</summary>
public static class WaveWriter
{
    private const int HeaderBytes = 44;
    private const int SampleBytes = 2;

    /// <summary>Writes 16-bit PCM: samples times 32768, rounded to the nearest, clipped.</summary>
    /// <param name="path">File; an existing one is replaced when the new one is complete.</param>
    /// <param name="sound">Samples of all channels.</param>
    /// <exception cref="MediaException">The file cannot be written, or the sound is longer than a WAV file can be (4 GB).</exception>
    public static void WritePcm16(string path, Waveform sound)
    {
        var channels = sound.Channels.Count;
        var bytes = (long)sound.Length * channels * SampleBytes;
        if (bytes > uint.MaxValue - HeaderBytes || channels > ushort.MaxValue / SampleBytes)
            throw new MediaException($"{path}: {channels} channels of {sound.Length} samples do not fit in a WAV file; write a shorter piece");
        MediaFile.Replace(path, stream =>
        {
            stream.Write(Header(channels, sound.SampleRate, (uint)bytes));
            var block = new byte[channels * SampleBytes];
            for (var i = 0; i < sound.Length; i++)
            {
                for (var c = 0; c < channels; c++)
                {
                    var value = Math.Clamp(Math.Round(sound.Channels[c][i] * 32768.0), short.MinValue, short.MaxValue);
                    BinaryPrimitives.WriteInt16LittleEndian(block.AsSpan(c * SampleBytes), (short)value);
                }

                stream.Write(block);
            }
        });
    }

    private static byte[] Header(int channels, int rate, uint dataBytes)
    {
        var header = new byte[HeaderBytes];
        var fields = header.AsSpan();
        "RIFF"u8.CopyTo(fields);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], dataBytes + HeaderBytes - 8);
        "WAVEfmt "u8.CopyTo(fields[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[16..], 16); // size of the format chunk
        BinaryPrimitives.WriteUInt16LittleEndian(fields[20..], 1); // PCM
        BinaryPrimitives.WriteUInt16LittleEndian(fields[22..], (ushort)channels);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[24..], (uint)rate);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[28..], (uint)(rate * channels * SampleBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(fields[32..], (ushort)(channels * SampleBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(fields[34..], 8 * SampleBytes);
        "data"u8.CopyTo(fields[36..]);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[40..], dataBytes);
        return header;
    }
}
