using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>The memory of the whole process is looked at: nothing else may run.</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class LongStreamTests : IDisposable
{
    private static readonly VideoPrompt Click = new(0) { Points = [new(20, 20)] };

    private readonly MiniSam2 mini = new();

    public void Dispose() => mini.Dispose();

    [Fact]
    public async Task The_memory_of_a_long_stream_is_flat()
    {
        using var frames = new GeneratedFrames(1000);
        using var session = new VideoPredictor(mini.Model).Open(frames.Stream());
        session.Prompt(Click);
        var (early, late, memories, allocations) = (0L, 0L, 0, 0L);
        await foreach (var frame in session.PropagateAsync())
        {
            if (frame.Index == 100) (early, memories, allocations) = (Resident(), session.BankOf(1)!.Count, mini.Device.Counters.Allocations);
            if (frame.Index == 999) late = Resident();
        }

        Assert.Equal(memories, session.BankOf(1)!.Count);
        Assert.Equal(allocations, mini.Device.Counters.Allocations);
        Assert.InRange(late, 0, (long)(1.05 * early));
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}

/// <summary>Tests that measure the process, and so run alone.</summary>
[CollectionDefinition(nameof(MeasuredAlone), DisableParallelization = true)]
public sealed class MeasuredAlone;
