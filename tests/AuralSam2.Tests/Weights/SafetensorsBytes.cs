using System.Buffers.Binary;
using System.Text;

namespace AuralSam2.Tests.Weights;

/// <summary>Safetensors files made by hand, so that every rule can be broken.</summary>
internal static class SafetensorsBytes
{
    public static byte[] Of(string header, int dataBytes) => Of(Encoding.UTF8.GetBytes(header), dataBytes);

    public static byte[] Of(byte[] header, int dataBytes, ulong? claimedHeaderLength = null)
    {
        var file = new byte[sizeof(ulong) + header.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(file, claimedHeaderLength ?? (ulong)header.Length);
        header.CopyTo(file, sizeof(ulong));
        return file;
    }

    /// <summary>One header entry: <c>"name":{"dtype":...,"shape":...,"data_offsets":...}</c>.</summary>
    public static string Entry(string name, string dtype, string shape, string offsets) =>
        $$"""
        "{{name}}":{"dtype":"{{dtype}}","shape":{{shape}},"data_offsets":{{offsets}}}
        """;
}
