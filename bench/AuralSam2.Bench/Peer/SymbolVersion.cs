using System.Buffers.Binary;
using System.Text;

namespace AuralSam2.Bench.Peer;

/// <summary>Edits the symbol versions that a shared library asks for.</summary>
internal static class SymbolVersion
{
    private const ushort Weak = 2; // VER_FLG_WEAK

    /// <summary>
    /// Lets the loader accept the library where the version is absent: marks the requirement weak, in place. The symbols of that
    /// version must then come from elsewhere.
    /// </summary>
    /// <exception cref="InvalidDataException">The library has no such requirement, or more than one.</exception>
    public static void MakeOptional(string library, string version)
    {
        // An Elf64_Vernaux entry starts with the hash of the version's name (4 bytes) and its flags (2 bytes, 0 or weak).
        Span<byte> required = stackalloc byte[6], optional = stackalloc byte[6];
        BinaryPrimitives.WriteUInt32LittleEndian(required, Hash(version));
        required.CopyTo(optional);
        BinaryPrimitives.WriteUInt16LittleEndian(optional[4..], Weak);

        var written = File.GetLastWriteTimeUtc(library);
        var bytes = File.ReadAllBytes(library);
        if (bytes.AsSpan().IndexOf(optional) >= 0) return; // done by an earlier run
        var entry = bytes.AsSpan().IndexOf(required);
        if (entry < 0 || entry != bytes.AsSpan().LastIndexOf(required))
            throw new InvalidDataException($"{library} does not ask for {version} exactly once: another version of TorchSharp?");
        optional.CopyTo(bytes.AsSpan(entry));
        File.WriteAllBytes(library, bytes);
        File.SetLastWriteTimeUtc(library, written); // or the next build would copy the original over it
    }

    /// <summary>The hash of the System V ABI.</summary>
    private static uint Hash(string name)
    {
        uint hash = 0;
        foreach (var c in Encoding.ASCII.GetBytes(name))
        {
            hash = (hash << 4) + c;
            var high = hash & 0xF0000000;
            hash = (hash ^ (high >> 24)) & ~high;
        }

        return hash;
    }
}
