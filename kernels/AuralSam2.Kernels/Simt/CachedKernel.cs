using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// A compiled kernel as a file: a line with the digest of all that follows, the key in a line, what a launch needs in a line, and the code. A
/// person can read it; a byte that changed makes it worthless.
/// </summary>
/// <param name="Ptx">The code.</param>
/// <param name="StaticSharedBytes">Shared memory that the code declares.</param>
/// <param name="DynamicShared">Whether a launch may ask for shared memory.</param>
internal sealed record CachedKernel(string Ptx, int StaticSharedBytes, bool DynamicShared)
{
    private const string Magic = "aural kernel 1 ";
    private const string Dynamic = "dynamic";

    /// <summary>The file's bytes.</summary>
    public byte[] Format(KernelKey key)
    {
        var need = string.Create(CultureInfo.InvariantCulture, $"{StaticSharedBytes} {(DynamicShared ? Dynamic : "static")}");
        var body = Encoding.UTF8.GetBytes($"{key}\n{need}\n{Ptx}");
        return [.. Head(body), .. body];
    }

    /// <summary>The kernel in a file; null when the file is damaged or of another key.</summary>
    public static CachedKernel? Parse(ReadOnlySpan<byte> file, KernelKey key)
    {
        var end = file.IndexOf((byte)'\n');
        if (end < 0 || !file[..(end + 1)].SequenceEqual(Head(file[(end + 1)..]))) return null;
        var lines = Encoding.UTF8.GetString(file[(end + 1)..]).Split('\n', 3);
        if (lines.Length < 3 || lines[0] != key.ToString()) return null;
        var need = lines[1].Split(' ');
        return need.Length == 2 && int.TryParse(need[0], CultureInfo.InvariantCulture, out var bytes) && bytes >= 0
            ? new CachedKernel(lines[2], bytes, need[1] == Dynamic)
            : null;
    }

    private static byte[] Head(ReadOnlySpan<byte> body) =>
        Encoding.ASCII.GetBytes($"{Magic}{Convert.ToHexStringLower(SHA256.HashData(body))}\n");
}
