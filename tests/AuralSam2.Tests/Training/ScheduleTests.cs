using AuralSam2.Training;
using Xunit;

namespace AuralSam2.Tests.Training;

public sealed class ScheduleTests
{
    /// <summary>Written as the original does it: the rate is set after each step, from the index of the step just done.</summary>
    [Fact]
    public void The_rate_follows_the_original()
    {
        const int steps = 40;
        var schedule = new PolySchedule(1e-4, steps);
        var rate = 1e-4;
        for (var step = 0; step < steps; step++)
        {
            Assert.Equal(rate, schedule.Rate(step), 1e-18);
            rate = 1e-4 * Math.Pow(1 - (step / (double)steps), 0.9);
        }

        Assert.Equal((1e-4, 1e-4), (schedule.Rate(0), schedule.Rate(1)));
        Assert.True(schedule.Rate(2) < 1e-4 && schedule.Rate(steps - 1) > 0);
    }

    [Fact]
    public void An_epoch_ends_with_a_smaller_step()
    {
        var settings = TinyRun.Settings with { Accumulate = 4, Epochs = 3 };
        Assert.Equal((1, 1, 2, 6L), (settings.StepsPerEpoch(1), settings.StepsPerEpoch(4), settings.StepsPerEpoch(5), settings.Schedule(5).Steps));
    }

    [Fact]
    public void Random_numbers_depend_on_seed_step_clip_and_purpose()
    {
        var one = new StepRandomness(1, 2, 3);
        ulong[] all =
        [
            one.Dropout, one.Sampling, new StepRandomness(2, 2, 3).Dropout, new StepRandomness(1, 3, 3).Dropout, new StepRandomness(1, 2, 4).Dropout,
        ];
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.Equal(one.Dropout, new StepRandomness(1, 2, 3).Dropout);
    }
}
