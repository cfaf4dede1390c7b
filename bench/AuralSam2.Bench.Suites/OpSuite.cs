using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;
using BenchmarkDotNet.Attributes;

namespace AuralSam2.Bench.Suites;

/// <summary>Every op of the registry at the shapes that the model uses at 1024 x 1024, on all processors.</summary>
public class OpSuite
{
    private CpuDevice? device;
    private GuardedOperands? operands;
    private OpCall? call;

    /// <summary>An op at a shape.</summary>
    /// <param name="Case">Its entry of the registry.</param>
    public sealed record RealCase(OpCase Case) : IDeclaresFlops
    {
        /// <inheritdoc/>
        public double Flops => Case.Flops;

        /// <inheritdoc/>
        public override string ToString() => Case.ToString();
    }

    /// <summary>Real cases of the registry.</summary>
    public static IEnumerable<RealCase> Cases => OpRegistry.Cases.Where(c => c.Real).Select(c => new RealCase(c));

    /// <summary>What runs.</summary>
    [ParamsSource(nameof(Cases))]
    public RealCase Case { get; set; } = null!;

    /// <summary>Makes operands and packs weights.</summary>
    [GlobalSetup]
    public void Setup()
    {
        device = new CpuDevice();
        operands = new GuardedOperands(device, Case.Case);
        call = Case.Case.Bind(device, operands.Tensors);
    }

    /// <summary>One call.</summary>
    [Benchmark]
    public void Op() => call!.Run();

    /// <summary>Gives everything back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        call?.Dispose();
        operands?.Dispose();
        device?.Dispose();
    }
}
