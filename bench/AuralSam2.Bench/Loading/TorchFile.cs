using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Loading;

/// <summary>
/// Writes float32 tensors as torch.save would: a zip whose <c>data.pkl</c> is a state dict under <c>model</c>, one stored entry per tensor.
/// </summary>
internal static class TorchFile
{
    private const string Folder = "archive";

    /// <summary>Writes a checkpoint; appears under its name when it is complete.</summary>
    public static void Write(string path, IReadOnlyList<ParameterSpec> parameters, IWeightSource values)
    {
        var partial = path + ".partial";
        using (var zip = new ZipArchive(File.Create(partial), ZipArchiveMode.Create))
        {
            Add(zip, "data.pkl", Pickle(parameters));
            Add(zip, "byteorder", "little"u8);
            foreach (var (key, parameter) in parameters.Index())
            {
                var elements = new float[Elements(parameter.Shape)];
                values.Read(parameter.Name, parameter.Shape, elements);
                Add(zip, $"data/{key}", MemoryMarshal.AsBytes<float>(elements));
            }

            Add(zip, "version", "3\n"u8);
        }

        File.Move(partial, path, overwrite: true);
    }

    private static void Add(ZipArchive zip, string name, ReadOnlySpan<byte> contents)
    {
        using var entry = zip.CreateEntry($"{Folder}/{name}", CompressionLevel.NoCompression).Open();
        entry.Write(contents);
    }

    /// <summary>
    /// Protocol 2: <c>{'model': {name: _rebuild_tensor_v2(('storage', FloatStorage, key, 'cpu', n), 0, size, stride, False, {})}}</c>.
    /// </summary>
    private static byte[] Pickle(IReadOnlyList<ParameterSpec> parameters)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        Code("\u0080\u0002}");
        Text("model");
        Code("}(");
        foreach (var (key, parameter) in parameters.Index())
        {
            Text(parameter.Name);
            Code("ctorch._utils\n_rebuild_tensor_v2\n((");
            Text("storage");
            Code("ctorch\nFloatStorage\n");
            Text($"{key}");
            Text("cpu");
            Number(Elements(parameter.Shape));
            Code("tQK\0(");
            foreach (var dimension in parameter.Shape) Number(dimension);
            Code("t(");
            for (var d = 0; d < parameter.Shape.Length; d++) Number(Elements(parameter.Shape.AsSpan(d + 1)));
            Code("t\u0089}tR");
        }

        Code("us.");
        return stream.ToArray();

        void Code(string code) => writer.Write(Encoding.Latin1.GetBytes(code));

        void Number(int value)
        {
            Span<byte> bytes = [(byte)'J', 0, 0, 0, 0];
            BinaryPrimitives.WriteInt32LittleEndian(bytes[1..], value);
            writer.Write(bytes);
        }

        void Text(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            writer.Write((byte)'X');
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
    }

    private static int Elements(ReadOnlySpan<int> shape)
    {
        var elements = 1;
        foreach (var dimension in shape) elements = checked(elements * dimension);
        return elements;
    }
}
