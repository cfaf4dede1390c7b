using System.Buffers.Binary;

namespace AuralSam2.Weights;

/// <summary>How a file of weights is laid out.</summary>
public enum WeightFormat
{
    /// <summary>https://huggingface.co/docs/safetensors</summary>
    Safetensors,

    /// <summary>What torch.save writes since PyTorch 1.6: a zip of a pickle and one entry per storage.</summary>
    TorchZip,

    /// <summary>What torch.save wrote before: pickles, then the storages one after the other.</summary>
    TorchLegacy,
}

/// <summary>Name and recognition of each <see cref="WeightFormat"/>.</summary>
public static class WeightFormats
{
    private const int LongestHead = 512;

    /// <summary>What a person reads, such as <c>PyTorch checkpoint (zip)</c>.</summary>
    public static string Title(this WeightFormat format) => format switch
    {
        WeightFormat.Safetensors => "safetensors",
        WeightFormat.TorchZip => "PyTorch checkpoint (zip)",
        _ => "PyTorch checkpoint (legacy)",
    };

    /// <summary>Recognises a format by the first bytes of a file; names do not count, since every ending is in use for each.</summary>
    /// <returns>Safetensors where it might be: its reader says best what is wrong.</returns>
    /// <exception cref="WeightsException">The file is something that people have in the place of weights.</exception>
    internal static WeightFormat Of(MappedFile file)
    {
        var head = file.BytesFrom(0, LongestHead);
        if (head.Length > sizeof(ulong) && head[sizeof(ulong)] == '{') return WeightFormat.Safetensors;
        if (head.StartsWith("PK\u0003\u0004"u8) || head.StartsWith("PK\u0005\u0006"u8)) return WeightFormat.TorchZip;
        if (head.Length > 1 && head[0] == 0x80 && head[1] is >= 2 and <= 5) return WeightFormat.TorchLegacy;
        if (head.StartsWith("version https://git-lfs"u8))
            throw new WeightsException($"{file.Path}: is a Git LFS pointer, not the weights; fetch them with: git lfs pull");
        if (head.TrimStart(" \t\r\n"u8).StartsWith("<"u8))
            throw new WeightsException($"{file.Path}: is a web page, not the weights; download them from the address of the file itself");
        if (head.Length > sizeof(ulong) && BinaryPrimitives.ReadUInt64LittleEndian(head) > (ulong)file.Length - sizeof(ulong))
            throw new WeightsException($"{file.Path}: is neither safetensors nor a PyTorch checkpoint; give a file of weights");
        return WeightFormat.Safetensors;
    }
}
