using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>The gradients of every tiny case on the emulator: the GPU's kernels against finite differences of the reference.</summary>
public sealed class EmulatorGradientTests(EmulatorTests.Devices devices) : IClassFixture<EmulatorTests.Devices>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Elements of an operand that are looked at one by one; the direction through all of them is looked at as well.</summary>
    private const int Probes = 2;

    private static readonly Dictionary<string, OpCase> Cases = OpRegistry.Cases.Where(c => c.Tiny).ToDictionary(c => c.ToString());

    public static TheoryData<string, int> CasesAndGroupSizes()
    {
        var data = new TheoryData<string, int>();
        foreach (var name in Cases.Keys)
            foreach (var size in (int[])[1, 4]) data.Add(name, size);
        return data;
    }

    [Theory, MemberData(nameof(CasesAndGroupSizes))]
    public async Task AgreesWithFiniteDifferences(string name, int groupSize)
    {
        var subject = Cases[name];
        if (devices.Endless(subject.Op) is { } other) Assert.Fail($"not run: {other} did not end");
        var device = devices[groupSize];
        try
        {
            var outcome = await Task.Run(() => GradientRunner.Check(device, subject, Probes, alone: groupSize == 1)).WaitAsync(Patience);
            Assert.True(outcome.Ok, outcome.ToString());
        }
        catch (TimeoutException)
        {
            devices.Abandon(subject);
            throw;
        }
    }
}
