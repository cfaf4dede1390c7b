using AuralSam2.Weights;
using CsCheck;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>What the writer writes, the reader reads: values, shapes, names, metadata.</summary>
public class SafetensorsRoundTripTests
{
    private static readonly Gen<int[]> Shapes = Gen.Int[0, 4].Array[0, 4];

    private static readonly Gen<string> Names = Gen.Char["abz.019_\"\\/\n\té\u65e5+<"].Array[1, 12].Select(c => new string(c));

    private static readonly SafetensorsDType[] Written =
    [
        SafetensorsDType.F32, SafetensorsDType.F16, SafetensorsDType.BF16, SafetensorsDType.F64,
        SafetensorsDType.I32, SafetensorsDType.I64, SafetensorsDType.U8,
    ];

    private static readonly Gen<(int[] Shape, SafetensorsDType DType, double[] Values)> Tensors =
        from shape in Shapes
        from dtype in Gen.Int[0, Written.Length - 1].Select(i => Written[i])
        from values in Values(dtype).Array[shape.Aggregate(1, (a, b) => a * b)]
        select (shape, dtype, values);

    [Fact]
    public void Any_file_comes_back() =>
        Gen.Select(Gen.Dictionary(Names, Tensors)[0, 6], Gen.Dictionary(Gen.String, Gen.String)[0, 3]).Sample((tensors, metadata) =>
        {
            metadata = metadata.Where(pair => IsUnicode(pair.Key) && IsUnicode(pair.Value)).ToDictionary();
            using var folder = new TemporaryFolder();
            var path = folder.File("any.safetensors");
            SafetensorsWriter.Write(path, metadata, tensors.Select(t => Stored(t.Key, t.Value.Shape, t.Value.DType, t.Value.Values)));

            using var file = SafetensorsFile.Open(path);
            Assert.Equal(tensors.Keys.Order(), file.Names.Order());
            Assert.Equal(metadata.OrderBy(p => p.Key), file.Metadata.OrderBy(p => p.Key));
            foreach (var (name, (shape, dtype, values)) in tensors)
            {
                Assert.Equal(dtype, file.Tensors[name].DType);
                Assert.Equal(shape, file.ShapeOf(name, [9]));
                Assert.Equal(values.Length * dtype.ByteSize(), file.RawBytes(name).Length);
                if (dtype is SafetensorsDType.F16 or SafetensorsDType.BF16)
                    Assert.Equal(values.Select(v => Rounded((float)v, dtype)), file.ReadFloats(name));
                else
                    Assert.Equal(values, file.ReadDoubles(name));
                if (dtype is SafetensorsDType.F32 or SafetensorsDType.F64)
                    Assert.Equal(values.Select(v => (float)v), file.ReadFloats(name));
            }
        }, iter: 300);

    [Fact]
    public void Every_half_is_exact()
    {
        using var folder = new TemporaryFolder();
        var bytes = Enumerable.Range(0, 65536).SelectMany(i => BitConverter.GetBytes((ushort)i)).ToArray();
        using var file = HandMade(folder, "F16", bytes);
        var floats = file.ReadFloats("t");
        for (var i = 0; i < floats.Length; i++)
            Assert.Equal(BitConverter.SingleToUInt32Bits((float)BitConverter.UInt16BitsToHalf((ushort)i)) & ~QuietBit(floats[i]),
                BitConverter.SingleToUInt32Bits(floats[i]) & ~QuietBit(floats[i]));
    }

    [Fact]
    public void Every_bfloat16_is_the_upper_half_of_a_float()
    {
        using var folder = new TemporaryFolder();
        var bytes = Enumerable.Range(0, 65536).SelectMany(i => BitConverter.GetBytes((ushort)i)).ToArray();
        using var file = HandMade(folder, "BF16", bytes);
        var floats = file.ReadFloats("t");
        for (var i = 0; i < floats.Length; i++) Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(floats[i]));
    }

    [Fact]
    public void Infinities_and_NaN_survive_bfloat16()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("special.safetensors");
        var hidden = BitConverter.UInt32BitsToSingle(0x7F800001); // a NaN whose upper half alone would be infinity
        const float infinity = float.PositiveInfinity;
        float[] values = [infinity, -infinity, float.NaN, hidden, float.MaxValue, -0f];
        SafetensorsWriter.Write(path, null, [SafetensorsTensor.Of("t", [6], values, SafetensorsDType.BF16)]);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal([infinity, -infinity, float.NaN, float.NaN, infinity, -0f], file.ReadFloats("t"));
    }

    [Fact]
    public void Large_tensors_read_the_same_twice_and_leave_no_pages_behind()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("large.safetensors");
        var values = new float[3_000_001];
        RuleTensor.Fill("", "large", 0, 1, values);
        SafetensorsTensor[] tensors = [SafetensorsTensor.Of("pad", [1], new byte[1]), SafetensorsTensor.Of("t", [values.Length], values)];
        SafetensorsWriter.Write(path, null, tensors);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(1, file.Tensors["t"].Offset % 8); // unaligned
        Assert.Equal(values, file.ReadFloats("t"));
        Assert.Equal(values, file.ReadFloats("t"));
        if (OperatingSystem.IsLinux()) Assert.InRange(ResidentKilobytes(path), 0, 1024);
    }

    [Fact]
    public void Reading_as_something_else_is_an_error_that_names_tensor_and_dtype()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("mixed.safetensors");
        SafetensorsTensor[] tensors = [SafetensorsTensor.Of("count", [2], new long[2]), SafetensorsTensor.Of("w", [2], new float[2])];
        SafetensorsWriter.Write(path, null, tensors);
        using var file = SafetensorsFile.Open(path);
        Says(() => file.ReadFloats("count"), "tensor 'count' is I64, expected F32, F16, BF16 or F64");
        Says(() => file.Read("w", [1, 2], new float[2]), "tensor 'w' has shape [2], expected [1, 2]");
        Says(() => file.Read("v", [2], new float[2]), "has no tensor 'v'");
        Assert.Throws<ArgumentException>(() => file.Read("w", [2], new float[3]));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.ReadFloats("w"));

        void Says(Action action, string reason)
        {
            var error = Assert.Throws<WeightsException>(action);
            Assert.StartsWith($"{path}: ", error.Message);
            Assert.Contains(reason, error.Message);
        }
    }

    private static SafetensorsFile HandMade(TemporaryFolder folder, string dtype, byte[] data)
    {
        var entry = SafetensorsBytes.Entry("t", dtype, $"[{data.Length / 2}]", $"[0,{data.Length}]");
        var file = SafetensorsBytes.Of($"{{{entry}}}", data.Length);
        data.CopyTo(file, file.Length - data.Length);
        return SafetensorsFile.Open(folder.File($"{dtype}.safetensors", file));
    }

    /// <summary>Values that the dtype (float32 for the 16-bit floats, which round) holds exactly.</summary>
    private static Gen<double> Values(SafetensorsDType dtype) => dtype switch
    {
        SafetensorsDType.F64 => Gen.Double,
        SafetensorsDType.I32 => Gen.Int.Select(i => (double)i),
        SafetensorsDType.I64 => Gen.Long[-(1L << 53), 1L << 53].Select(i => (double)i),
        SafetensorsDType.U8 => Gen.Byte.Select(i => (double)i),
        SafetensorsDType.F16 => Gen.Float[-1000, 1000].Select(f => (double)f),
        _ => Gen.Float.Select(f => (double)f),
    };

    private static SafetensorsTensor Stored(string name, int[] shape, SafetensorsDType dtype, double[] values) => dtype switch
    {
        SafetensorsDType.F64 => SafetensorsTensor.Of(name, shape, values),
        SafetensorsDType.I32 => SafetensorsTensor.Of(name, shape, Array.ConvertAll(values, v => (int)v)),
        SafetensorsDType.I64 => SafetensorsTensor.Of(name, shape, Array.ConvertAll(values, v => (long)v)),
        SafetensorsDType.U8 => SafetensorsTensor.Of(name, shape, Array.ConvertAll(values, v => (byte)v)),
        _ => SafetensorsTensor.Of(name, shape, () => Array.ConvertAll(values, v => (float)v), dtype),
    };

    /// <summary>Nearest value of a 16-bit float, ties to even; for bfloat16 by trying both neighbours.</summary>
    private static float Rounded(float value, SafetensorsDType dtype)
    {
        if (dtype == SafetensorsDType.F16) return (float)(Half)value;
        if (!float.IsFinite(value)) return value;
        var bits = BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000;
        var (inner, outer) = (BitConverter.UInt32BitsToSingle(bits), BitConverter.UInt32BitsToSingle(bits + 0x10000));
        var (toInner, toOuter) = (Math.Abs((double)value - inner), Math.Abs(outer - (double)value));
        if (float.IsInfinity(outer)) toOuter = Math.Pow(2, 128) - Math.Abs((double)value);
        if (toInner != toOuter) return toInner < toOuter ? inner : outer;
        return (bits & 0x10000) == 0 ? inner : outer;
    }

    private static uint QuietBit(float value) => float.IsNaN(value) ? 0x00400000u : 0u;

    private static bool IsUnicode(string text) => !text.Any(char.IsSurrogate);

    /// <summary>Pages of a mapped file that count as memory of this process.</summary>
    private static int ResidentKilobytes(string path)
    {
        var lines = File.ReadAllLines("/proc/self/smaps");
        var from = Array.FindIndex(lines, line => line.EndsWith(path, StringComparison.Ordinal));
        Assert.True(from >= 0, "the file is not mapped");
        var rss = lines.Skip(from).First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return int.Parse(rss.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }
}
