using System.Buffers.Binary;
using System.Text.Json;
using AuralSam2.Testing;

namespace AuralSam2.Tests.Media;

/// <summary>The recorded values of the sound front end, and the sound they were recorded from.</summary>
internal sealed class VggishFixture
{
    private readonly byte[] file;
    private readonly JsonElement header;
    private readonly int data;

    private VggishFixture(byte[] file)
    {
        this.file = file;
        data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        header = JsonDocument.Parse(file.AsMemory(8, data - 8)).RootElement;
    }

    public static VggishFixture Load() => new(File.ReadAllBytes(Repository.Golden("d_vggish.safetensors")));

    public double[] Tensor(string name)
    {
        var entry = header.GetProperty(name);
        var (start, end) = (entry.GetProperty("data_offsets")[0].GetInt32(), entry.GetProperty("data_offsets")[1].GetInt32());
        var bytes = file.AsSpan(data + start, end - start);
        var type = entry.GetProperty("dtype").GetString()!;
        var width = type == "F64" ? 8 : 4;
        var values = new double[bytes.Length / width];
        for (var i = 0; i < values.Length; i++)
        {
            var value = bytes.Slice(i * width, width);
            values[i] = type switch
            {
                "F64" => BinaryPrimitives.ReadDoubleLittleEndian(value),
                "F32" => BinaryPrimitives.ReadSingleLittleEndian(value),
                _ => BinaryPrimitives.ReadInt32LittleEndian(value),
            };
        }

        return values;
    }

    /// <summary>5 s at 16 kHz: a chirp from 200 to 4000 Hz under noise, in 16 bits.</summary>
    public static float[] Wave()
    {
        const string name = "input.wave_noise";
        var hash = 0xcbf29ce484222325UL;
        foreach (var letter in name) hash = unchecked((hash ^ letter) * 0x100000001B3UL);
        var wave = new float[80000];
        for (var i = 0; i < wave.Length; i++)
        {
            var t = i / 16000.0;
            var w = 0.5 * Math.Sin(2 * Math.PI * (200 * t + 0.5 * 760 * t * t)) + 0.1 * (2 * Unit(hash, i) - 1);
            wave[i] = (float)(Math.Clamp(Math.Round(32767 * w), short.MinValue, short.MaxValue) / 32768);
        }

        return wave;
    }

    /// <summary>Number i of the fixtures' splitmix64 sequence, in [0, 1).</summary>
    private static double Unit(ulong seed, int i)
    {
        unchecked
        {
            var z = seed + (ulong)i * 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            z ^= z >> 31;
            return (z >> 40) * Math.Pow(2, -24);
        }
    }
}
