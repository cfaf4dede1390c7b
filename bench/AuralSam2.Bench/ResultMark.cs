using AuralSam2.Kernels;
using AuralSam2.Weights;

namespace AuralSam2.Bench;

/// <summary>
/// Two numbers by which a peer sees whether it computes the same: the sum of all results, each times a value by rule, and their Euclidean
/// norm. Another result, or the same in another order, moves the sum by about the norm.
/// </summary>
internal readonly record struct ResultMark(double Sum, double Norm)
{
    /// <summary>Downloads results and sums them up.</summary>
    public static ResultMark Of(Device device, IEnumerable<Tensor> results)
    {
        double sum = 0, squares = 0;
        foreach (var result in results)
        {
            var values = device.Download(result);
            var factors = new float[values.Length];
            RuleTensor.Fill("", "checksum", 0, 1, factors);
            for (var i = 0; i < values.Length; i++)
            {
                sum += (double)values[i] * factors[i];
                squares += (double)values[i] * values[i];
            }
        }

        return new ResultMark(sum, Math.Sqrt(squares));
    }
}
