using System.Buffers.Binary;
using System.Numerics;

namespace AuralSam2.Weights.Torch;

/// <summary>
/// The layout of checkpoints before PyTorch 1.6: five pickles (a magic number, the version, the machine, the tensors, the keys of the
/// storages), then the storages in the order of the keys, each behind its number of elements.
/// </summary>
internal static class TorchLegacy
{
    private const long Version = 1001;

    /// <summary>Bytes of the pickles before the tensors.</summary>
    private const int LongestPreamble = 1 << 12;

    private static readonly BigInteger Magic = BigInteger.Parse("1950a86a20f9469cfc6c", System.Globalization.NumberStyles.HexNumber);

    /// <summary>Reads a checkpoint, or as much of it as is there.</summary>
    /// <exception cref="WeightsException">It is damaged, hostile, or no checkpoint.</exception>
    public static TorchContents Read(MappedFile file)
    {
        var at = 0L;
        if (Next(file, ref at, LongestPreamble, out _) is not BigInteger magic || magic != Magic)
            throw new WeightsException($"{file.Path}: is a pickle, but none that torch.save wrote; save model.state_dict() with it");
        if (Next(file, ref at, LongestPreamble, out _) is not Version) throw Broken(file, "it is of another version than 1001");
        if (Next(file, ref at, LongestPreamble, out _) is not PickleDictionary machine)
            throw Broken(file, "it does not describe its machine");
        if (machine.Entries.Exists(entry => entry is { Key: "little_endian", Value: false }))
            throw new WeightsException($"{file.Path}: was written big-endian; save it on a little-endian machine");

        var root = Next(file, ref at, PickleMachine.LongestPickle, out var storages);
        var blocks = new Dictionary<string, StoredBlock>();
        if (at == file.Length) return new TorchContents(root, blocks, IsCut: true);
        if (Next(file, ref at, PickleMachine.LongestPickle, out _) is not PickleList keys)
            throw Broken(file, "it has no list of its storages");
        foreach (var item in keys.Items)
        {
            if (item is not string key || !storages.TryGetValue(key, out var storage))
                throw Broken(file, "it lists a storage that no tensor has");
            if (file.Length - at < sizeof(long)) return new TorchContents(root, blocks, IsCut: true);
            var elements = BinaryPrimitives.ReadInt64LittleEndian(file.Bytes(at, sizeof(long)));
            if (elements != storage.Elements)
                throw Broken(file, $"storage {WeightsException.Quote(key)} has {elements} elements, expected {storage.Elements}");
            at += sizeof(long);
            var length = storage.ByteLength;
            if (file.Length - at < length) return new TorchContents(root, blocks, IsCut: true);
            if (!blocks.TryAdd(key, new StoredBlock("storage", key, at, length, length, deflated: false, checksum: null)))
                throw Broken(file, $"storage {WeightsException.Quote(key)} is listed twice");
            at += length;
        }

        if (at != file.Length) throw Broken(file, $"{file.Length - at} bytes follow the last storage");
        return new TorchContents(root, blocks, IsCut: false);
    }

    private static object? Next(MappedFile file, ref long at, int longest, out Dictionary<string, TorchStorage> storages)
    {
        var machine = new PickleMachine(file.Path, file.BytesFrom(at, longest));
        var value = machine.Run();
        at += machine.Position;
        storages = machine.Storages;
        return value;
    }

    private static WeightsException Broken(MappedFile file, string what) =>
        new($"{file.Path}: {what}; the file is damaged or not a PyTorch checkpoint, download or export it again");
}
