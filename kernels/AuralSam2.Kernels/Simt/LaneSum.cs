using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// Sums over sets of neighbouring threads. Works for every power of two of threads down to one, and adds in an order that depends on nothing
/// but the number of lanes.
/// </summary>
internal static class LaneSum
{
    /// <summary>Most threads that share a row: a warp of every NVIDIA GPU.</summary>
    public const int MaxLanes = 32;

    /// <summary>Most threads that share a sum from register to register. OpenCL knows shuffles as an extension only: one thread there.</summary>
    public static int MaxShuffled(IlgpuDevice device) => device.Accelerator.AcceleratorType == AcceleratorType.OpenCL ? 1 : MaxLanes;

    /// <summary>
    /// The sum of <paramref name="value"/> over the lanes around this thread, from register to register. All threads of the warp must call it.
    /// </summary>
    /// <param name="lanes">Threads that share a sum: a power of two, at most <see cref="MaxShuffled"/>. One thread alone asks nobody.</param>
    /// <param name="value">What this thread adds.</param>
    public static float Of(int lanes, float value)
    {
        if (Accelerator.CurrentType == AcceleratorType.OpenCL) return value; // a constant to the compiler, which then sees no shuffle
        // The two sides of each exchange add the same two numbers: all lanes end with the same sum, bit by bit.
        for (var distance = lanes >> 1; distance > 0; distance >>= 1) value += Warp.ShuffleXor(value, distance);
        return value;
    }

    /// <summary>The sum of <paramref name="value"/> over the lanes around this thread. All threads of the group must call it.</summary>
    /// <param name="partials">Shared memory, one float per thread of the group.</param>
    /// <param name="lanes">Threads that share a sum: a power of two that divides the group.</param>
    /// <param name="value">What this thread adds.</param>
    public static float Of(ArrayView<float> partials, int lanes, float value)
    {
        var thread = Group.IdxX;
        var lane = thread & (lanes - 1);
        partials[thread] = value;
        for (var half = lanes / 2; half > 0; half /= 2)
        {
            Group.Barrier();
            if (lane < half) partials[thread] += partials[thread + half];
        }

        Group.Barrier();
        var total = partials[thread - lane];
        Group.Barrier(); // before the next sum overwrites this one
        return total;
    }

    /// <summary>The same in float64.</summary>
    public static double Of(ArrayView<double> partials, int lanes, double value)
    {
        var thread = Group.IdxX;
        var lane = thread & (lanes - 1);
        partials[thread] = value;
        for (var half = lanes / 2; half > 0; half /= 2)
        {
            Group.Barrier();
            if (lane < half) partials[thread] += partials[thread + half];
        }

        Group.Barrier();
        var total = partials[thread - lane];
        Group.Barrier();
        return total;
    }
}
