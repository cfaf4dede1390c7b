using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>The gradients of every case of the registry against finite differences of its reference.</summary>
public sealed class GradientTests
{
    /// <summary>Cases whose reference is evaluated some hundred times.</summary>
    private static readonly Dictionary<string, OpCase> Cases = OpRegistry.Cases
        .Where(c => !c.Real && (c.Tiny || c.Flops < 3e6)).ToDictionary(c => c.ToString());

    private static readonly Dictionary<CpuIsa, CpuDevice> Devices = [];

    public static TheoryData<string, CpuIsa> EveryCase()
    {
        var rows = new TheoryData<string, CpuIsa>();
        foreach (var name in Cases.Keys)
            foreach (var isa in CpuIsas.Available) rows.Add(name, isa);
        return rows;
    }

    [Theory, MemberData(nameof(EveryCase))]
    public void AgreesWithFiniteDifferences(string name, CpuIsa isa)
    {
        var subject = Cases[name];
        var outcome = GradientRunner.Check(Open(isa), subject, subject.Tiny ? 12 : 3);
        Assert.True(outcome.Ok, outcome.ToString());
    }

    private static CpuDevice Open(CpuIsa isa)
    {
        lock (Devices)
        {
            if (!Devices.TryGetValue(isa, out var device)) Devices.Add(isa, device = new CpuDevice(2, isa));
            return device;
        }
    }
}
