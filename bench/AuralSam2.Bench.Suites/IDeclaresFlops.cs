namespace AuralSam2.Bench.Suites;

/// <summary>The parameter of a benchmark, which knows how much work one run of it is.</summary>
public interface IDeclaresFlops
{
    /// <summary>Floating-point operations of a run, a multiply-add as two; 0 where it is not known yet.</summary>
    double Flops { get; }
}
