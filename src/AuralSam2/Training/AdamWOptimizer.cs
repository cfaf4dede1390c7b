using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Training;

/// <summary>AdamW over the parameters of a learner: its running means, how many steps each parameter has taken, and the norm of gradients.</summary>
public sealed class AdamWOptimizer : IDisposable
{
    /// <summary>Added to the norm before gradients are divided by it, as PyTorch does.</summary>
    private const double ClipEpsilon = 1e-6;

    private readonly ILearner learner;
    private readonly DeviceBuffer memory;
    private readonly Moments[] moments;

    /// <summary>Begins with zeros.</summary>
    public AdamWOptimizer(ILearner learner)
    {
        this.learner = learner;
        // One allocation for all: each tensor begins on a cache line.
        const long line = 16;
        var starts = new long[learner.Parameters.Count];
        var total = 0L;
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = total;
            total += 2 * RoundUp(learner.Parameters[i].Value.Length, line);
        }

        memory = learner.Device.Allocate(Math.Max(total, line));
        var all = memory.View(checked((int)total));
        moments = new Moments[starts.Length];
        for (var i = 0; i < moments.Length; i++)
        {
            var length = checked((int)learner.Parameters[i].Value.Length);
            moments[i] = new Moments(
                all.SliceColumns((int)starts[i], length), all.SliceColumns((int)(starts[i] + RoundUp(length, line)), length));
            learner.Device.Fill(moments[i].Mean, 0);
            learner.Device.Fill(moments[i].Square, 0);
        }
    }

    /// <summary>State of each parameter, in the order of <see cref="ILearner.Parameters"/>.</summary>
    internal IReadOnlyList<Moments> States => moments;

    /// <summary>
    /// The norm of all gradients together: squares added up in float64, in an order that does not depend on the number of threads. Not a
    /// finite number where a gradient is not.
    /// </summary>
    public double GradientNorm()
    {
        var device = learner.Device;
        var tensors = learner.Parameters.Where(learner.HasGradient).Select(learner.Gradient).ToArray();
        var rows = tensors.Sum(t => SquareSum.Rows(t.Length));
        if (rows == 0) return 0;
        using var scope = device.Scope();
        var sums = device.Rent(rows, 2);
        var row = 0;
        foreach (var gradient in tensors)
        {
            var count = SquareSum.Rows(gradient.Length);
            SquareSum.Run(device, gradient, sums.Slice(row, count));
            row += count;
        }

        return Math.Sqrt(SquareSum.Total(device.Download(sums)));
    }

    /// <summary>Changes every parameter that has a gradient, and has the learner lay them out again.</summary>
    /// <param name="rate">Learning rate of the step.</param>
    /// <param name="weightDecay">Weight decay, of those parameters that decay.</param>
    /// <param name="norm">What <see cref="GradientNorm"/> says.</param>
    /// <param name="clipNorm">The norm that gradients may have together; null for any.</param>
    public void Step(double rate, double weightDecay, double norm, double? clipNorm)
    {
        var scale = clipNorm is { } most ? (float)Math.Min(1, most / (norm + ClipEpsilon)) : 1f;
        for (var i = 0; i < moments.Length; i++)
        {
            var parameter = learner.Parameters[i];
            if (!learner.HasGradient(parameter)) continue;
            var step = new AdamWStep(rate * parameter.RateFactor, parameter.Decays ? weightDecay : 0, ++moments[i].Steps, scale);
            AdamW.Run(learner.Device, parameter.Value, learner.Gradient(parameter), moments[i].Mean, moments[i].Square, step);
        }

        learner.Refresh();
    }

    /// <summary>Frees the running means.</summary>
    public void Dispose() => memory.Dispose();

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    /// <summary>State of a parameter.</summary>
    /// <param name="mean">Running mean of gradients, flat.</param>
    /// <param name="square">Running mean of squared gradients, flat.</param>
    internal sealed class Moments(Tensor mean, Tensor square)
    {
        public Tensor Mean => mean;

        public Tensor Square => square;

        /// <summary>Steps that the parameter has taken.</summary>
        public long Steps { get; set; }
    }
}
