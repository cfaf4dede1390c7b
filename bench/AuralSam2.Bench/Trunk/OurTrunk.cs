using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Trunk;

/// <summary>This engine's side: weights and image by the rule of the fixtures, as on the peer's side.</summary>
internal sealed class OurTrunk : ITrunk
{
    private readonly CpuDevice device;
    private readonly ParameterBinder binder;
    private readonly Hiera hiera;
    private readonly Tensor image;
    private float[] output = [];

    public OurTrunk(TrunkRace race)
    {
        device = new CpuDevice(race.Threads);
        binder = new ParameterBinder(device, new WeightReader(new RuleWeights()));
        hiera = new Hiera(Sam2Config.Named(race.Shape.Model).Trunk, race.ImageSize, binder, "image_encoder.trunk");
        var size = race.ImageSize;
        var planes = new float[3 * size * size];
        RuleTensor.Fill("", "input.image", 0, 2, planes);
        var channelLast = new float[planes.Length];
        for (var p = 0; p < size * size; p++)
            for (var c = 0; c < 3; c++) channelLast[(3 * p) + c] = planes[(c * size * size) + p];
        image = binder.Upload(channelLast, size, size, 3);
    }

    public string Name => "AuralSam2.Kernels";

    public double Run()
    {
        using var scope = device.Scope();
        var start = Stopwatch.GetTimestamp();
        var stages = hiera.Forward(image);
        var milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        output = new float[stages.Sum(s => s.Length)];
        var at = 0;
        foreach (var stage in stages)
        {
            device.Download(stage, output.AsSpan(at, (int)stage.Length));
            at += (int)stage.Length;
        }

        return milliseconds;
    }

    public float[] Output() => output;

    public void Dispose()
    {
        binder.Dispose();
        device.Dispose();
    }
}
