using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using AuralSam2.Testing;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>
/// Good checkpoints with damage at random: whatever comes of it, the reader answers with tensors or with a message, soon, and without
/// taking much memory. AURAL_FUZZ_CASES asks for more cases than the suite runs; AURAL_FUZZ_SEED for others. AURAL_FUZZ_CORPUS names a
/// folder for the good ones, where tools/fuzz-weights.sh starts from.
/// </summary>
public sealed class TorchFuzzTests : IDisposable
{
    private const int CasesInSuite = 4000;

    /// <summary>Bytes that a case may allocate; the undamaged files take 0.1 MB.</summary>
    private const long MostAllocated = 4 << 20;

    private static readonly long[] Interesting =
    [
        0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, int.MaxValue, int.MinValue, uint.MaxValue,
        1L << 32, 1L << 56, long.MaxValue, long.MinValue,
    ];

    /// <summary>Instructions that build on what is there, so that damage reaches deeper than the first misfit.</summary>
    private static readonly byte[] Instructions =
        [.. ")(}].012NQRabcehjqrstuUXKMJ"u8, 0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x93, 0x94, 0x95];

    private readonly TemporaryFolder folder = new();
    private readonly byte[] buffer = new byte[1 << 16];

    private delegate byte[] Rebuild(byte[] pickle);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Damaged_checkpoints_are_read_or_refused()
    {
        var cases = Setting("AURAL_FUZZ_CASES", CasesInSuite);
        var first = Setting("AURAL_FUZZ_SEED", 1);
        var (files, pickles) = Seeds();
        foreach (var file in files) Assert.True(Survives(file, out var refusal), refusal);
        foreach (var (pickle, rebuild) in pickles) Assert.True(Survives(rebuild(pickle), out var refusal), refusal);

        var read = 0;
        for (var seed = first; seed < first + cases; seed++)
        {
            var random = new Random(seed);
            byte[] damaged;
            if (random.Next(2) == 0)
            {
                damaged = Damage(files[random.Next(files.Count)], random);
            }
            else
            {
                // Damage behind a checksum that is right again.
                var (pickle, rebuild) = pickles[random.Next(pickles.Count)];
                damaged = rebuild(Damage(pickle, random));
            }

            try
            {
                var clock = Stopwatch.StartNew();
                var before = GC.GetAllocatedBytesForCurrentThread();
                if (Survives(damaged, out _)) read++;
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
                Assert.InRange(clock.Elapsed.TotalSeconds, 0, 20);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.Message}", e);
            }
        }

        Assert.InRange(read, cases / 100, cases * 9 / 10); // some damage is harmless, most is not
    }

    [Fact]
    public void The_good_files_are_a_corpus()
    {
        var corpus = Environment.GetEnvironmentVariable("AURAL_FUZZ_CORPUS") ?? folder.Path;
        Directory.CreateDirectory(corpus);
        var (files, pickles) = Seeds();
        files.AddRange(pickles.Select(pickle => pickle.Rebuild(pickle.Pickle)));
        files.Add(SafetensorsBytes.Of("""{"__metadata__":{"a":"b"},"w":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}""", 12));
        foreach (var (number, file) in files.Index())
        {
            Assert.True(Survives(file, out var refusal), refusal);
            File.WriteAllBytes(Path.Combine(corpus, $"{number:d2}"), file);
        }
    }

    /// <summary>Reads everything; false when the file is refused as it should be.</summary>
    private bool Survives(byte[] contents, out string refusal)
    {
        refusal = "";
        var path = folder.File("fuzzed.pt", contents);
        try
        {
            using var file = WeightFile.Open(path);
            KeyMap.Of(file);
            foreach (var entry in file.Entries)
            {
                using var elements = file.OpenElements(entry.Name);
                var bytes = 0L;
                for (int count; (count = elements.Read(buffer)) > 0;) bytes += count;
                Assert.Equal(entry.ByteLength, bytes);
                Assert.Equal(entry.Shape.Aggregate(1L, (a, b) => a * b) * entry.DType.ByteSize(), bytes);
            }

            return true;
        }
        catch (WeightsException e)
        {
            refusal = e.Message;
            Assert.StartsWith($"{path}: ", e.Message);
            Assert.DoesNotContain('\n', e.Message);
            Assert.Contains("; ", e.Message);
            return false;
        }
    }

    private static int Setting(string variable, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value) ? value : usual;

    /// <summary>Good files, and pickles with a way to put each into a good file.</summary>
    private static (List<byte[]> Files, List<(byte[] Pickle, Rebuild Rebuild)> Pickles) Seeds()
    {
        var floats = WrittenStorage.Counting("0", 48);
        var halves = new WrittenStorage("1", "HalfStorage", new byte[70]);
        var counts = new WrittenStorage("2", "LongStorage", new byte[8]);
        WrittenStorage[] storages = [floats, halves, counts];
        var state = TorchWriter.StateDict(
            ("module.features.weight", TorchWriter.Parameter(TorchWriter.Tensor(floats, [6, 8]))),
            ("module.turned", TorchWriter.Tensor(floats, [8, 6], stride: [1, 8])),
            ("module.part", TorchWriter.Tensor(floats, [6, 4], stride: [8, 2])), ("module.half", TorchWriter.Tensor(halves, [5, 7])),
            ("module.bn.num_batches_tracked", TorchWriter.Tensor(counts, [])));
        var training = TorchWriter.Dictionary(
            ("epoch", 3), ("lr", 1e-4), ("model", state),
            ("optimizer", TorchWriter.Dictionary(("state", TorchWriter.Dictionary((0, TorchWriter.Tensor(floats, [48])))))));

        var files = new List<byte[]>
        {
            TorchWriter.Zip(state, storages),
            TorchWriter.Legacy(state, storages),
            TorchWriter.Legacy(training, storages, protocol: 4),
            ZipWriter.Write(TorchWriter.Entries(training, storages, protocol: 5, change: file => file with { Deflated = true })),
            ZipWriter.Write(
                TorchWriter.Entries(training, storages, change: file => file with { LengthsFollow = true, Zip64 = true }), zip64End: true),
        };
        if (Repository.Shared is { } shared)
        {
            foreach (var name in (string[])["zip_model.pt", "zip_parameters.pt", "zip_training_state.pt", "legacy.pth"])
                files.Add(File.ReadAllBytes(Path.Combine(shared, "checkpoints", "torch", name)));
        }

        var pickles = new List<(byte[], Rebuild)>();
        foreach (var (root, protocol) in ((object, int)[])[(state, 2), (training, 2), (training, 4)])
        {
            var entries = TorchWriter.Entries(root, storages, protocol: protocol);
            pickles.Add((entries[0].Contents, pickle => ZipWriter.Write([entries[0] with { Contents = pickle }, .. entries.Skip(1)])));
        }

        return (files, pickles);
    }

    private static byte[] Damage(byte[] good, Random random)
    {
        var bytes = new List<byte>(good);
        for (var hits = 1 + random.Next(random.Next(2) == 0 ? 1 : 6); hits > 0 && bytes.Count > 0; hits--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(9))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes[at] = Instructions[random.Next(Instructions.Length)];
                    break;
                case 3:
                    bytes.Insert(at, Instructions[random.Next(Instructions.Length)]);
                    break;
                case 4:
                    Overwrite(bytes, at, Interesting[random.Next(Interesting.Length)], 1 << random.Next(4));
                    break;
                case 5:
                    bytes.RemoveRange(at, Math.Min(1 + random.Next(8), bytes.Count - at));
                    break;
                case 6:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(1 + random.Next(64), bytes.Count - at)));
                    break;
                case 7:
                    var from = random.Next(bytes.Count);
                    var part = bytes.GetRange(from, Math.Min(1 + random.Next(32), bytes.Count - from));
                    for (var i = 0; i < part.Count && at + i < bytes.Count; i++) bytes[at + i] = part[i];
                    break;
                default:
                    if (random.Next(4) == 0) bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void Overwrite(List<byte> bytes, int at, long value, int size)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        for (var i = 0; i < size && at + i < bytes.Count; i++) bytes[at + i] = number[i];
    }
}
