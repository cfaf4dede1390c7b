using System.Reflection;
using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Every case of the registry on every instruction set of this processor.</summary>
public sealed class OpRegistryTests
{
    /// <summary>The variable by which <see cref="NarrowIsaTests"/> says what its child process must find.</summary>
    internal const string ExpectedIsa = "AURAL_TEST_EXPECTED_ISA";

    private static readonly Dictionary<string, OpCase> Cases = OpRegistry.Cases.Where(c => !c.Real).ToDictionary(c => c.ToString());
    private static readonly Dictionary<(CpuIsa, int), CpuDevice> Devices = [];

    public static TheoryData<string, CpuIsa> EveryCase()
    {
        var rows = new TheoryData<string, CpuIsa>();
        foreach (var name in Cases.Keys)
            foreach (var isa in CpuIsas.Available) rows.Add(name, isa);
        return rows;
    }

    [Theory, MemberData(nameof(EveryCase))]
    public void AgreesWithItsReference(string name, CpuIsa isa)
    {
        var device = Open(isa, threads: 2);
        var profile = new OpProfile();
        device.Attach(profile);
        var declared = device.DeclaredFlops;
        var outcome = OpRunner.Check(device, Cases[name]);
        Assert.True(outcome.Ok, outcome.ToString());
        Assert.Equal(Cases[name].Flops, device.DeclaredFlops - declared, 0.5);
        device.Detach(profile);
        Assert.Equal(Cases[name].Bytes, profile.Records.Where(r => r.Op is not ("Upload" or "Download")).Sum(r => r.Bytes), 0.5);
    }

    [Theory, MemberData(nameof(EveryCase))]
    public void DoesNotDependOnTheNumberOfThreads(string name, CpuIsa isa)
    {
        var expected = OpRunner.Outputs(Open(isa, threads: 1), Cases[name]);
        foreach (var threads in new[] { 2, 3 })
        {
            var found = OpRunner.Outputs(Open(isa, threads), Cases[name]);
            for (var i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i].Select(BitConverter.SingleToInt32Bits), found[i].Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Fact]
    public void FindsTheInstructionSetThatIsExpected()
    {
        if (Environment.GetEnvironmentVariable(ExpectedIsa) is { } expected) Assert.Equal(expected, CpuIsas.Widest.ToString());
    }

    [Fact]
    public void EveryOpHasCases()
    {
        // A contract is a public class with methods that take a device; what works on the host alone (LogMel) is none.
        var contracts = typeof(OpRegistry).Assembly.GetExportedTypes().Where(type => type.Namespace == "AuralSam2.Kernels.Ops")
            .Where(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public).Any(m => m.GetParameters() is [{ ParameterType: var first }, ..] && first == typeof(Device)))
            .Select(type => type.Name).ToList();
        Assert.All(contracts, op =>
        {
            Assert.Contains(OpRegistry.Cases, c => c.Op == op && c.Tiny);
            Assert.Contains(OpRegistry.Cases, c => c.Op == op && c.Real);
        });
        Assert.All(OpRegistry.Cases, c => Assert.Contains(c.Op, contracts));
    }

    private static CpuDevice Open(CpuIsa isa, int threads)
    {
        if (!Devices.TryGetValue((isa, threads), out var device)) Devices[(isa, threads)] = device = new CpuDevice(threads, isa);
        return device;
    }
}
