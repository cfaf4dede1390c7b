using System.Buffers.Binary;
using AuralSam2.Media;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class WaveTests : IDisposable
{
    private const ushort Pcm = 1;
    private const ushort IeeeFloat = 3;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Pcm, 8, false)]
    [InlineData(Pcm, 16, false)]
    [InlineData(Pcm, 24, false)]
    [InlineData(Pcm, 32, false)]
    [InlineData(IeeeFloat, 32, false)]
    [InlineData(IeeeFloat, 64, false)]
    [InlineData(Pcm, 8, true)]
    [InlineData(Pcm, 16, true)]
    [InlineData(Pcm, 24, true)]
    [InlineData(Pcm, 32, true)]
    [InlineData(IeeeFloat, 32, true)]
    [InlineData(IeeeFloat, 64, true)]
    public void Every_sample_type_reads_exactly(int tag, int bits, bool extensible)
    {
        double[] values = [-1, -0.5, 0, 0.25, 0.5, -0.0078125, 0.75]; // multiples of 1/128: exact in all types
        foreach (var channels in new[] { 1, 2, 3 })
        {
            var data = new List<byte>();
            for (var i = 0; i < values.Length; i++)
                for (var c = 0; c < channels; c++) data.AddRange(Encode(values[(i + c) % values.Length], tag, bits));
            var path = folder.Write("a.wav", Wave(Format(tag, channels, 11025, bits, extensible), Chunk("data", [.. data])));
            var sound = WaveReader.Read(path);
            Assert.Equal(11025, sound.SampleRate);
            Assert.Equal(channels, sound.Channels.Count);
            for (var c = 0; c < channels; c++)
                Assert.Equal(values.Select((_, i) => (float)values[(i + c) % values.Length]), sound.Channels[c]);
        }
    }

    [Fact]
    public void Sixteen_bits_are_divided_by_32768()
    {
        var path = folder.Write("a.wav", Wave(Format(Pcm, 1, 16000, 16), Chunk("data", [0xFF, 0x7F, 0x00, 0x80, 0x01, 0x00])));
        Assert.Equal([32767 / 32768f, -1f, 1 / 32768f], WaveReader.Read(path).Channels[0]);
    }

    [Fact]
    public void Unknown_and_odd_chunks_are_skipped()
    {
        byte[] file = Wave(Chunk("JUNK", [1, 2, 3]), Format(Pcm, 1, 8000, 16), Chunk("LIST", [9]), Chunk("data", [0, 64]), Chunk("id3 ", [1]));
        Assert.Equal([0.5f], WaveReader.Read(folder.Write("a.wav", file)).Channels[0]);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0xFFFFFFFFu)]
    public void A_streamed_file_ends_where_it_ends(uint size)
    {
        var data = Chunk("data", [0, 64, 0, 32, 0, 16, 7]);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4), size);
        var file = Wave(Format(Pcm, 1, 8000, 16), data)[..^1];
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), size); // who could not go back for one size could not for the other
        Assert.Equal([0.5f, 0.25f, 0.125f], WaveReader.Read(folder.Write("a.wav", file)).Channels[0]);
    }

    [Fact]
    public void What_follows_an_empty_data_chunk_is_not_taken_for_samples()
    {
        var file = Wave(Format(Pcm, 1, 8000, 16), [.. Chunk("data", []), .. Chunk("LIST", new byte[40])]);
        MediaAssert.Fails(() => WaveReader.Read(folder.Write("empty.wav", file)), "empty.wav", "no samples");
    }

    [Fact]
    public void A_file_that_is_cut_off_says_so_wherever_it_is_cut()
    {
        var whole = Wave(Format(Pcm, 2, 16000, 16), Chunk("data", new byte[400]));
        for (var length = 12; length < whole.Length; length += 7)
            MediaAssert.Fails(() => WaveReader.Read(folder.Write("cut.wav", whole.AsSpan(0, length))), "cut.wav", "cut off");
    }

    [Fact]
    public void Files_that_are_no_wav_say_what_they_are()
    {
        Fails("ID3\u0004 and more text"u8, "MP3", "ffmpeg", "--video");
        Fails([0xFF, 0xFB, 0x90, 0x64, 0, 0], "MP3");
        Fails("OggS and more text"u8, "Ogg");
        Fails("fLaC and more text"u8, "FLAC");
        Fails("\0\0\0\u0020ftypisom"u8, "MP4");
        Fails("hello, this is text"u8, "no WAV");
        Fails([], "empty");
        MediaAssert.Fails(() => WaveReader.Read(folder["none.wav"]), "none.wav", "no such file");
        MediaAssert.Fails(() => WaveReader.Read(folder.Root), "is a folder");

        void Fails(ReadOnlySpan<byte> bytes, params string[] words)
        {
            var path = folder.Write("sound.wav", bytes);
            MediaAssert.Fails(() => WaveReader.Read(path), ["sound.wav", .. words]);
        }
    }

    [Fact]
    public void Damaged_or_unknown_formats_name_themselves()
    {
        Fails(Wave(Format(Pcm, 1, 16000, 16), Chunk("data", [])), "no samples");
        Fails(Wave(Format(Pcm, 2, 16000, 16), Chunk("data", [1, 2])), "no samples");
        Fails(Wave(Chunk("data", [1, 2])), "no format chunk");
        Fails(Wave(Format(0x11, 1, 16000, 4), Chunk("data", [1, 2])), "codec 0x0011", "ffmpeg -i");
        Fails(Wave(Format(Pcm, 0, 16000, 16), Chunk("data", [1, 2])), "0 channels");
        Fails(Wave(Format(Pcm, 1, 0, 16), Chunk("data", [1, 2])), "0 Hz");
        Fails(Wave(Format(IeeeFloat, 1, 16000, 32), Chunk("data", [0, 0, 0, 0, 0, 0, 0xC0, 0x7F])), "sample 1", "NaN");

        void Fails(byte[] bytes, params string[] words) =>
            MediaAssert.Fails(() => WaveReader.Read(folder.Write("bad.wav", bytes)), ["bad.wav", .. words]);
    }

    [Fact]
    public void What_is_written_reads_back()
    {
        float[] left = [0, 0.5f, -1, 32767 / 32768f, 1.5f, -2], right = [1 / 32768f, 0, 0, 0, 0, 0.25f];
        WaveWriter.WritePcm16(folder["a.wav"], new Waveform(22050, [left, right]));
        var sound = WaveReader.Read(folder["a.wav"]);
        Assert.Equal(22050, sound.SampleRate);
        Assert.Equal([0, 0.5f, -1, 32767 / 32768f, 32767 / 32768f, -1], sound.Channels[0]);
        Assert.Equal(right, sound.Channels[1]);
        Assert.Single(Directory.GetFiles(folder.Root));
        MediaAssert.Fails(() => WaveWriter.WritePcm16(folder["none/a.wav"], sound), "does not exist");
    }

    private static byte[] Encode(double value, int tag, int bits)
    {
        if (tag == IeeeFloat) return bits == 32 ? BitConverter.GetBytes((float)value) : BitConverter.GetBytes(value);
        var integer = (long)(value * (1L << (bits - 1)));
        return bits == 8 ? [(byte)(integer + 128)] : BitConverter.GetBytes(integer)[..(bits / 8)];
    }

    private static byte[] Format(int tag, int channels, int rate, int bits, bool extensible = false)
    {
        var fields = new byte[extensible ? 40 : 16];
        BinaryPrimitives.WriteUInt16LittleEndian(fields, (ushort)(extensible ? 0xFFFE : tag));
        BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(2), (ushort)channels);
        BinaryPrimitives.WriteInt32LittleEndian(fields.AsSpan(4), rate);
        BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(12), (ushort)(channels * bits / 8));
        BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(14), (ushort)bits);
        if (extensible) BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(24), (ushort)tag);
        return Chunk("fmt ", fields);
    }

    private static byte[] Chunk(string id, byte[] data)
    {
        var size = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, data.Length);
        byte[] padding = data.Length % 2 == 1 ? [0] : [];
        return [.. id.Select(c => (byte)c), .. size, .. data, .. padding];
    }

    private static byte[] Wave(params byte[][] chunks)
    {
        byte[] body = [.. chunks.SelectMany(c => c)];
        return [.. Chunk("RIFF", [.. "WAVE"u8, .. body])];
    }
}
