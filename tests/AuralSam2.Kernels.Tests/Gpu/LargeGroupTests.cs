using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>
/// Products and norms in the largest groups that the emulator opens: 64 threads share tiles of 64 x 64, and parts of k where tiles are
/// smaller. A barrier takes half a millisecond, so only small cases run.
/// </summary>
public sealed class LargeGroupTests(LargeGroupTests.Emulator emulator) : IClassFixture<LargeGroupTests.Emulator>
{
    /// <summary>A thread that dies leaves the others at a barrier for ever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>One device for the whole class; abandoned, not disposed, after a case that did not end.</summary>
    public sealed class Emulator : IDisposable
    {
        public EmulatorDevice Device { get; } = new(EmulatorDevice.LargestGroup);

        public OpCase? Endless { get; set; }

        public void Dispose()
        {
            if (Endless is null) Device.Dispose();
        }
    }

    private static IEnumerable<OpCase> Subjects => OpRegistry.Cases.Where(c => c.Tiny &&
        (c.Op is nameof(Gemm) or nameof(FeedForward) or nameof(Conv2d) or nameof(ConvTranspose2x2) or nameof(LayerNorm)));

    public static TheoryData<string> Cases => [.. Subjects.Select(c => c.ToString())];

    [Theory, MemberData(nameof(Cases))]
    public async Task AgreesWithReference(string name)
    {
        if (emulator.Endless is { } other) Assert.Fail($"not run: {other} did not end");
        var subject = Subjects.Single(c => c.ToString() == name);
        try
        {
            var outcome = await Task.Run(() => OpRunner.Check(emulator.Device, subject)).WaitAsync(Patience);
            Assert.True(outcome.Ok, outcome.ToString());
        }
        catch (TimeoutException)
        {
            emulator.Endless = subject;
            throw;
        }
    }
}
