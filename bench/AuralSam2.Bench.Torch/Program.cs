using System.Diagnostics;
using System.Globalization;
using AuralSam2.Bench;
using AuralSam2.Bench.Torch;
using TorchSharp;
using static TorchSharp.torch;

// A child of AuralSam2.Bench: model, image size, threads and type are arguments; then one command per line on stdin, one answer per
// line on stdout. It stays idle between commands, and ends with its stdin.
//
//   (start)        -> ready TORCHSHARP_VERSION LIBTORCH_VERSION
//   run            -> MILLISECONDS of one forward
//   output FILE    -> COUNT floats written: the feature maps of the last run, one after the other, each [H * W, C]
//   check FIXTURE  -> largest DIFFERENCE from the official implementation's samples, relative to each map's largest value
if (args is not [var model, var imageSizeText, var threadsText, var typeText])
{
    Console.Error.WriteLine("started by AuralSam2.Bench: MODEL IMAGE_SIZE THREADS fp32|bf16");
    return 2;
}

var imageSize = int.Parse(imageSizeText, CultureInfo.InvariantCulture);
var type = typeText == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32;
set_num_threads(int.Parse(threadsText, CultureInfo.InvariantCulture));

using var inference = inference_mode();
using var parameters = new PeerParameters(type);
var hiera = new TorchHiera(TrunkShape.Of(model), imageSize, parameters);
using var image = RuleTensors.Uniform("input.image", 0, 2, 1, 3, imageSize, imageSize).to(type);
List<Tensor> stages = [];

Console.WriteLine($"ready {typeof(torch).Assembly.GetName().Version!.ToString(3)} {__version__}");
while (Console.ReadLine() is { } line)
{
    Console.WriteLine(line.Split(' ', 2) switch
    {
        ["run"] => Run(),
        ["output", var path] => WriteStages(path),
        ["check", var path] => Fixture.RelativeDifference(path, [.. Maps()]).ToString("R", CultureInfo.InvariantCulture),
        _ => throw new InvalidOperationException($"unknown command '{line}'"),
    });
}

return 0;

string Run()
{
    foreach (var stage in stages) stage.Dispose();
    var start = Stopwatch.GetTimestamp();
    stages = hiera.Forward(image);
    return Stopwatch.GetElapsedTime(start).TotalMilliseconds.ToString("R", CultureInfo.InvariantCulture);
}

string WriteStages(string path)
{
    using var file = new BinaryWriter(File.Create(path));
    var count = 0;
    foreach (var (values, _) in Maps())
    {
        foreach (var value in values) file.Write(value);
        count += values.Length;
    }

    return count.ToString(CultureInfo.InvariantCulture);
}

IEnumerable<(float[] Values, int Channels)> Maps() =>
    stages.Select(stage => (stage.to(ScalarType.Float32).contiguous().data<float>().ToArray(), (int)stage.shape[^1]));
