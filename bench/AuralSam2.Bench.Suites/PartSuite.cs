using AuralSam2.Bench.Parts;
using AuralSam2.Kernels;
using BenchmarkDotNet.Attributes;

namespace AuralSam2.Bench.Suites;

/// <summary>The parts of model t, from the trunk to a whole clip, on all processors.</summary>
public class PartSuite
{
    private const string Model = "t";
    private const string Trunk = $"trunk {Model}";
    private const string Encoder = $"image encoder {Model}";

    private CpuDevice? device;
    private IDisposable? model;
    private Part? current;
    private Arena.Lease scope;

    /// <summary>A part of the model.</summary>
    /// <param name="Name">As <c>parts</c> and <c>race</c> call it.</param>
    public sealed record NamedPart(string Name) : IDeclaresFlops
    {
        /// <summary>Counted when the part is warmed up.</summary>
        public double Flops { get; set; }

        /// <inheritdoc/>
        public override string ToString() => Name;
    }

    /// <summary>All parts.</summary>
    public static NamedPart[] Parts { get; } =
    [
        new(Trunk), new(Encoder), new("VGGish 5 s"), new("AuralFuser 5 frames"), new("mask decoder"), new("memory attention, 7 memories"),
        new("tracked frame, 1 memory"), new("tracked frame, 7 memories"), new($"clip of 5 frames, model {Model}"),
    ];

    /// <summary>What runs.</summary>
    [ParamsSource(nameof(Parts))]
    public NamedPart Part { get; set; } = null!;

    /// <summary>Loads the model, with weights by rule, and runs the part once.</summary>
    [GlobalSetup]
    public void Setup()
    {
        device = new CpuDevice();
        current = Load(device);
        Prepare();
        var before = device.DeclaredFlops;
        current.Run();
        Part.Flops = device.DeclaredFlops - before;
        Release();
    }

    /// <summary>Puts back inputs that a run overwrites.</summary>
    [IterationSetup]
    public void Prepare()
    {
        scope = device!.Scope();
        current!.Prepare?.Invoke();
    }

    /// <summary>One run.</summary>
    [Benchmark]
    public void Run() => current!.Run();

    /// <summary>Gives back what a run rented.</summary>
    [IterationCleanup]
    public void Release() => scope.Dispose();

    /// <summary>Gives everything back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        model?.Dispose();
        device?.Dispose();
    }

    private Part Load(CpuDevice on)
    {
        if (Part.Name is Trunk or Encoder)
        {
            var encoder = new EncoderParts(on, Model);
            model = encoder;
            return Part.Name == Trunk ? encoder.Trunk : encoder.Encoder;
        }

        var parts = new ModelParts(on, Model);
        model = parts;
        // One step of the walk: the part keeps its inputs until the next is asked for.
        return parts.All(name => name == Part.Name).First();
    }
}
