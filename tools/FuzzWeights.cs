#!/usr/bin/env dotnet
#:project ../src/AuralSam2/AuralSam2.csproj
#:package SharpFuzz
#:property PublishAot=false

// What tools/fuzz-weights.sh has AFL++ run: each input is a file of weights, of which everything is read. Anything but tensors or a
// message of one line ends the process and counts as a crash, as does an allocation beyond what the format needs.
//
//     dotnet run tools/FuzzWeights.cs FILE...   reads the files and says what came of each: how a crash is looked at

using AuralSam2.Weights;
using SharpFuzz;

const long mostAllocated = 4 << 20;
var buffer = new byte[1 << 16];
if (args.Length > 0)
{
    foreach (var path in args) Console.WriteLine(Read(path) ?? $"{path}: read");
    return;
}

// A reader of mapped files takes paths; a file in memory costs no disk.
var scratch = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"fuzzed-{Environment.ProcessId}.pt");
Fuzzer.OutOfProcess.Run((Stream input) =>
{
    using (var file = File.Create(scratch)) input.CopyTo(file);
    var before = GC.GetAllocatedBytesForCurrentThread();
    Read(scratch);
    var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
    if (allocated > mostAllocated) throw new InvalidOperationException($"allocated {allocated} bytes");
});
File.Delete(scratch);

// The message of a refusal; null for a file that was read.
string? Read(string path)
{
    try
    {
        using var file = WeightFile.Open(path);
        KeyMap.Of(file);
        foreach (var entry in file.Entries)
        {
            using var elements = file.OpenElements(entry.Name);
            var bytes = 0L;
            for (int count; (count = elements.Read(buffer)) > 0;) bytes += count;
            if (bytes != entry.ByteLength || bytes != entry.Shape.Aggregate(1L, (a, b) => a * b) * entry.DType.ByteSize())
                throw new InvalidOperationException($"tensor {entry.Name} gave {bytes} bytes, not {entry.ByteLength}");
        }

        return null;
    }
    catch (WeightsException e) when (e.Message.StartsWith($"{path}: ", StringComparison.Ordinal) && !e.Message.Contains('\n'))
    {
        return e.Message;
    }
}
