using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Checks;

/// <summary>Checks cases on a device, one after the other. A device that fails in mid-run is opened anew for the next case.</summary>
internal sealed class OpCheck : IDisposable
{
    private const int MostReopenings = 5;

    private readonly Func<Device> open;
    private readonly int repeats;
    private readonly CpuDevice cpu = new();
    private Device? device;
    private int reopenings;

    /// <summary>Opens the device.</summary>
    /// <param name="open">Opens it, now and after failures.</param>
    /// <param name="repeats">Runs of a case that must give the same bits.</param>
    public OpCheck(Func<Device> open, int repeats)
    {
        this.open = open;
        this.repeats = repeats;
        device = open();
        DeviceName = device.Name;
    }

    public string DeviceName { get; }

    /// <summary>Whether a case ends in reasonable time: the model's own shapes take the emulator hours.</summary>
    public bool CanAfford(OpCase c) => !c.Real || device is not EmulatorDevice;

    /// <summary>Checks a case. Throws nothing: an error is a verdict.</summary>
    public CheckRow Run(OpCase c)
    {
        var row = new CheckRow(c.Op, c.Label, CheckVerdict.Failed) { Budget = c.Budget };
        if (device is null) return row with { Message = "not run: the device has failed too often" };
        try
        {
            return Check(device, c, row);
        }
        catch (NotSupportedException)
        {
            return row with { Verdict = CheckVerdict.NoKernel };
        }
        catch (Exception error)
        {
            Reopen();
            return row with { Message = $"{error.GetType().Name}: {error.Message.ReplaceLineEndings("; ")}" };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        device?.Dispose();
        cpu.Dispose();
    }

    private CheckRow Check(Device on, OpCase c, CheckRow row)
    {
        if (!c.Real)
        {
            var outcome = OpRunner.Check(on, c);
            row = row with { Error = JsonFile.Finite(outcome.Error) };
            if (!outcome.Ok) return row with { Message = outcome.Message };
        }

        var first = OpRunner.Outputs(on, c);
        for (var i = 1; i < (c.Real ? Math.Min(repeats, 2) : repeats); i++) // large operands take their time
        {
            if (FirstOther(first, OpRunner.Outputs(on, c)) is { } place)
                return row with { Message = $"run {i + 1} differs from the first: {place}; the same input must give the same bits" };
        }

        var difference = LargestDifference(OpRunner.Outputs(cpu, c), first);
        row = row with { CpuDifference = JsonFile.Finite(difference) };
        // Each may be a budget away from the truth.
        return difference <= 2 * c.Budget
            ? row with { Verdict = CheckVerdict.Passed }
            : row with { Message = $"differs from the processor by {difference:g3}, twice the budget is {2 * c.Budget:g3}" };
    }

    /// <summary>After a failed kernel a device accepts no more work; what it holds is lost.</summary>
    private void Reopen()
    {
        try
        {
            device?.Dispose();
        }
        catch (Exception error)
        {
            Console.Error.WriteLine($"closing the device after a failure: {error.Message}");
        }

        device = null;
        if (++reopenings > MostReopenings) return;
        try
        {
            device = open();
        }
        catch (Exception error)
        {
            Console.Error.WriteLine($"opening the device again: {error.Message}");
        }
    }

    private static string? FirstOther(float[][] expected, float[][] found)
    {
        for (var output = 0; output < expected.Length; output++)
        {
            for (var i = 0; i < expected[output].Length; i++)
            {
                var (a, b) = (expected[output][i], found[output][i]);
                if (BitConverter.SingleToInt32Bits(a) != BitConverter.SingleToInt32Bits(b)) return $"output {output}, element {i}: {a:g9} and {b:g9}";
            }
        }

        return null;
    }

    /// <summary>Relative to the largest magnitude of each expected output; infinite where one is no number.</summary>
    private static double LargestDifference(float[][] expected, float[][] found)
    {
        var worst = 0.0;
        for (var output = 0; output < expected.Length; output++)
        {
            double largest = 0, difference = 0;
            for (var i = 0; i < expected[output].Length; i++)
            {
                var apart = Math.Abs((double)expected[output][i] - found[output][i]);
                if (double.IsNaN(apart)) return double.PositiveInfinity;
                difference = Math.Max(difference, apart);
                largest = Math.Max(largest, Math.Abs((double)expected[output][i]));
            }

            worst = Math.Max(worst, difference / (largest == 0 ? 1 : largest));
        }

        return worst;
    }
}
