using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Ladder;

/// <summary>The operands of a kernel at one shape, its float64 reference, and how far a result may be from it. Owns all memory.</summary>
internal abstract class Problem : IDisposable
{
    private const float Sentinel = 12345;

    /// <summary>As many as the tallest tile has.</summary>
    private const int GuardRows = 8;

    private readonly List<IDisposable> owned = [];
    private readonly Dictionary<int, double[]> reference = [];
    private readonly Tensor guarded;

    /// <summary>Allocates the result.</summary>
    /// <param name="device">Where rungs run; only the last ones use more than one of its threads.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="columns">Columns of the result.</param>
    protected Problem(CpuDevice device, int rows, int columns)
    {
        Device = device;
        guarded = Allocate(rows + GuardRows, columns);
        Y = guarded.Slice(0, rows);
    }

    public CpuDevice Device { get; }

    /// <summary>The result, <c>[rows, columns]</c>; the memory behind it is guarded.</summary>
    public Tensor Y { get; }

    /// <summary>Operations of one run; a multiply-add counts two.</summary>
    public abstract double Flops { get; }

    /// <summary>Largest error allowed, relative to the largest magnitude of the reference.</summary>
    public abstract double Budget { get; }

    /// <summary>One row of the result from the definition, in float64.</summary>
    protected abstract double[] ReferenceRow(int row);

    /// <summary>Runs a rung on a result full of NaN.</summary>
    /// <param name="run">The bound rung.</param>
    /// <param name="mostRows">Rows that are compared, spread evenly from the first to the last.</param>
    /// <returns>
    /// Share of <see cref="Budget"/> that the largest error takes; infinite where a value is missing or the guard was overwritten.
    /// </returns>
    public double ErrorOfBudget(Action run, int mostRows)
    {
        Device.Fill(guarded, Sentinel);
        Device.Fill(Y, float.NaN);
        run();
        var guard = guarded.Slice(Y.Rows, GuardRows);
        if (Device.Download(guard).Any(value => value != Sentinel)) return double.PositiveInfinity;
        double error = 0, largest = 0;
        var compared = Math.Min(mostRows, Y.Rows);
        for (var i = 0; i < compared; i++)
        {
            var row = compared == 1 ? 0 : (int)((long)i * (Y.Rows - 1) / (compared - 1));
            if (!reference.TryGetValue(row, out var expected)) reference.Add(row, expected = ReferenceRow(row));
            var found = Device.Download(Y.Slice(row, 1));
            for (var c = 0; c < found.Length; c++)
            {
                if (!float.IsFinite(found[c])) return double.PositiveInfinity;
                error = Math.Max(error, Math.Abs(found[c] - expected[c]));
                largest = Math.Max(largest, Math.Abs(expected[c]));
            }
        }

        return error == 0 ? 0 : error / largest / Budget;
    }

    /// <summary>Memory for as long as the problem lives.</summary>
    public Tensor Allocate(params ReadOnlySpan<int> shape)
    {
        var tensor = Device.AllocateTensor(shape);
        Own(tensor.Buffer);
        return tensor;
    }

    /// <summary>Disposes something with the problem.</summary>
    public T Own<T>(T item)
        where T : IDisposable
    {
        owned.Add(item);
        return item;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (var i = owned.Count - 1; i >= 0; i--) owned[i].Dispose();
    }

    /// <summary>All elements of a tensor without gaps.</summary>
    public static unsafe Span<float> Span(Tensor tensor) => new(tensor.Pointer, checked((int)tensor.Length));

    /// <summary>Values uniform in offset - 1 .. offset + 1, the same in every run.</summary>
    protected Tensor Random(string name, double offset, params ReadOnlySpan<int> shape)
    {
        var tensor = Allocate(shape);
        var generator = new SplitMix64(name);
        foreach (ref var value in Span(tensor)) value = (float)(offset + (2 * generator.NextUnit()) - 1);
        return tensor;
    }

    /// <summary>A row of a tensor in float64.</summary>
    protected static double[] Row(Tensor tensor, int row) => Doubles(tensor.Slice(row, 1));

    /// <summary>A tensor in float64.</summary>
    protected static double[] Doubles(Tensor tensor)
    {
        var span = Span(tensor);
        var values = new double[span.Length];
        for (var i = 0; i < values.Length; i++) values[i] = span[i];
        return values;
    }
}
