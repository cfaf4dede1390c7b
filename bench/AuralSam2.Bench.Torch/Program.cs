using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AuralSam2.Bench.Loading;
using AuralSam2.Bench.Ops;
using AuralSam2.Bench.Torch;
using TorchSharp;
using static TorchSharp.torch;

// A child of AuralSam2.Bench: the number of threads is its argument; then one command per line on stdin, one answer per line on stdout. It stays
// idle between commands and ends with its stdin. What is loaded lies in a slot, so that two types of a part can be raced side by side.
//
//   (start)                    -> ready TORCHSHARP_VERSION LIBTORCH_VERSION
//   load SLOT op SPEC          -> ok WAY: a case of the registry, described in JSON, and the way of writing it that was fastest
//   load SLOT part TYPE NAME   -> ok: a part of the model, fp32 or bf16
//   run SLOT COUNT             -> ok MILLISECONDS of one of so many runs
//   peak SLOT COUNT            -> ok BYTES: peak of the process's resident memory during so many runs
//   output SLOT FILE           -> ok: the results of a first run are in the file, float32
//   check SLOT FIXTURE         -> ok DIFFERENCE of the last results from the official implementation's, relative to each map's largest value
//   free SLOT                  -> ok
//   (anything that fails)      -> error MESSAGE
if (args is not [var threads])
{
    Console.Error.WriteLine("started by AuralSam2.Bench: THREADS");
    return 2;
}

set_num_threads(int.Parse(threads, CultureInfo.InvariantCulture));
using var inference = inference_mode();
var slots = new Dictionary<string, IPeerPart>();

Console.WriteLine($"ready {typeof(torch).Assembly.GetName().Version!.ToString(3)} {__version__}");
while (Console.ReadLine() is { } line)
{
    try
    {
        Console.WriteLine($"ok {Answer(line.Split(' ', 3))}");
    }
    catch (Exception error) // of whatever kind: the other cases are worth having all the same
    {
        Console.WriteLine($"error {error.Message.Split('\n')[0].Trim()}"); // without libtorch's stack
    }
}

return 0;

string Answer(string[] command)
{
    switch (command)
    {
        case ["load", var slot, var what]:
            Free(slot);
            return Load(slot, what);
        case ["run", var slot, var count]:
            return Number(Run(slots[slot], int.Parse(count, CultureInfo.InvariantCulture)));
        case ["peak", var slot, var count]:
            return $"{Peak(slots[slot], int.Parse(count, CultureInfo.InvariantCulture))}";
        case ["output", var slot, var path]:
            slots[slot].Prepare();
            slots[slot].Run();
            Write(path, slots[slot].Outputs());
            return "";
        case ["check", var slot, var fixture]:
            return Number(Fixture.RelativeDifference(
                fixture, [.. slots[slot].Outputs().Select(stage => (stage.data<float>().ToArray(), (int)stage.shape[^1]))]));
        case ["free", var slot]:
            Free(slot);
            return "";
        default:
            throw new InvalidOperationException($"unknown command '{string.Join(' ', command)}'");
    }
}

string Load(string slot, string what)
{
    switch (what.Split(' ', 3))
    {
        case ["op", ..]:
            var op = new PeerOp(JsonSerializer.Deserialize<OpSpec>(what["op ".Length..])!);
            slots[slot] = op;
            return op.Way;
        case ["part", var type, var name]:
            slots[slot] = PeerParts.Create(name, type == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32);
            return "";
        default:
            throw new InvalidOperationException($"cannot load '{what}'");
    }
}

void Free(string slot)
{
    if (slots.Remove(slot, out var part)) part.Dispose();
}

static double Run(IPeerPart part, int count)
{
    part.Prepare();
    var start = Stopwatch.GetTimestamp();
    for (var i = 0; i < count; i++) part.Run();
    return Stopwatch.GetElapsedTime(start).TotalMilliseconds / count;
}

static long Peak(IPeerPart part, int count)
{
    // Arrays from which weights and inputs were made.
    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    ResidentPeak.Restart();
    Run(part, count);
    return ResidentPeak.Bytes();
}

static void Write(string path, IReadOnlyList<Tensor> outputs)
{
    using var file = File.Create(path);
    foreach (var output in outputs) file.Write(MemoryMarshal.AsBytes<float>(output.data<float>().ToArray()));
}

static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
