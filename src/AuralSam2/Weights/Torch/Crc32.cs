using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AuralSam2.Weights.Torch;

/// <summary>
/// The checksum of zip entries: CRC-32 of polynomial 0x04C11DB7, bits reflected (ISO-HDLC). Sixteen bytes at a time through sixteen tables
/// (slicing; Kounavis and Berry, 2005), so that it costs little beside reading a checkpoint.
/// </summary>
internal static class Crc32
{
    private const uint ReflectedPolynomial = 0xEDB88320;
    private const int Slices = 16;

    /// <summary>Table k of 256: what a byte does to the register when k more bytes follow it.</summary>
    private static readonly uint[] Tables = MakeTables();

    /// <summary>Continues a checksum over more bytes; the checksum of nothing is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        var register = ~checksum;
        ref var table = ref MemoryMarshal.GetArrayDataReference(Tables);
        foreach (var block in MemoryMarshal.Cast<byte, UInt128>(bytes))
            register = Eight(ref table, (ulong)block ^ register, 8) ^ Eight(ref table, (ulong)(block >> 64), 0);
        foreach (var b in bytes[(bytes.Length / Slices * Slices)..]) register = (register >> 8) ^ Unsafe.Add(ref table, (byte)register ^ b);
        return ~register;
    }

    /// <summary>Eight bytes that <paramref name="following"/> more bytes of the block follow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Eight(ref uint table, ulong bytes, nuint following)
    {
        ref var last = ref Unsafe.Add(ref table, following * 256);
        return Unsafe.Add(ref last, (7 * 256) + (nuint)(byte)bytes) ^ Unsafe.Add(ref last, (6 * 256) + (nuint)(byte)(bytes >> 8)) ^
            Unsafe.Add(ref last, (5 * 256) + (nuint)(byte)(bytes >> 16)) ^ Unsafe.Add(ref last, (4 * 256) + (nuint)(byte)(bytes >> 24)) ^
            Unsafe.Add(ref last, (3 * 256) + (nuint)(byte)(bytes >> 32)) ^ Unsafe.Add(ref last, (2 * 256) + (nuint)(byte)(bytes >> 40)) ^
            Unsafe.Add(ref last, 256 + (nuint)(byte)(bytes >> 48)) ^ Unsafe.Add(ref last, (nuint)(bytes >> 56));
    }

    private static uint[] MakeTables()
    {
        var tables = new uint[Slices * 256];
        for (var i = 0; i < 256; i++)
        {
            var register = (uint)i;
            for (var bit = 0; bit < 8; bit++) register = (register & 1) == 0 ? register >> 1 : (register >> 1) ^ ReflectedPolynomial;
            tables[i] = register;
        }

        for (var i = 256; i < tables.Length; i++) tables[i] = (tables[i - 256] >> 8) ^ tables[(byte)tables[i - 256]];
        return tables;
    }
}
