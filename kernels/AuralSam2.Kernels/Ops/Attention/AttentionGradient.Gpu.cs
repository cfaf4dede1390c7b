using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of attention on a GPU, by products of all heads at once: the weights of some queries at a time, and their gradients, lie in
/// memory, never the whole matrix. Each gradient is added to by one product after the other: no atomics, the same result every time.
/// </summary>
internal static class AttentionGradientGpu
{
    /// <summary>Floats of weights at a time; their gradients take as many.</summary>
    private const int ChunkFloats = 16 << 20;

    private const int Threads = 128;

    public static readonly GpuKernel<Arguments> Kernel = new(WeightRows, Threads, maxSharedFloats: Threads);

    /// <summary>Arguments of <see cref="WeightRows"/>.</summary>
    /// <param name="Scores"><c>[sequences * queries, keys]</c>, becomes weights.</param>
    /// <param name="Gradients">The same of the weights' gradients, becomes the scores' gradients; no rows: not wanted.</param>
    /// <param name="Queries">Queries of a sequence in this chunk,</param>
    /// <param name="AllQueries">and of all chunks.</param>
    /// <param name="FirstQuery">The first in this chunk.</param>
    /// <param name="Scale">1 / sqrt(d).</param>
    /// <param name="Key">Of the dropout.</param>
    /// <param name="Threshold">Of the dropout; 0: none.</param>
    /// <param name="Factor">Of the dropout.</param>
    public readonly record struct Arguments(
        RowView Scores, RowView Gradients, int Queries, int AllQueries, int FirstQuery, float Scale, ulong Key, uint Threshold, float Factor);

    public static void Run(IlgpuDevice device, in AttentionGradientOperands operands)
    {
        var o = operands;
        var (sequences, heads, keys, d, dv) = (o.Sequences, o.Heads, o.Keys, o.HeadDim, o.ValueDim);
        var linear = o.LinearScale != 0;
        var factor = linear ? o.LinearScale : 1f;
        var chunk = (int)Math.Clamp(ChunkFloats / ((long)sequences * keys), 1, o.Queries);
        for (var first = 0; first < o.Queries; first += chunk)
        {
            using var scope = device.Scope();
            var count = Math.Min(chunk, o.Queries - first);
            var (scores, weights) = Weights(device, sequences, heads, count, keys);
            var (q, k, v) = (Heads(device, o.Q, d, o.Queries, first), Heads(device, o.K, d, keys), Heads(device, o.V, dv, keys));
            var dy = Heads(device, o.Dy, dv, o.Queries, first);
            HeadProductGpu.Run(device, q, k.Transposed, weights, sequences, heads, (count, keys, d), factor, adds: false);
            var (scoreGradients, gradients) = o.WantsScores ? Weights(device, sequences, heads, count, keys) : default;
            if (o.WantsScores) HeadProductGpu.Run(device, dy, v.Transposed, gradients, sequences, heads, (count, keys, dv), factor, adds: false);
            if (!linear) Softmax(device, scores, scoreGradients, count, o.Queries, first, d, o.Dropout);
            if (!o.Dv.IsEmpty)
                Add(weights.Transposed, dy, Heads(device, o.Dv, dv, keys), (keys, dv, count));
            if (!o.Dk.IsEmpty)
                Add(gradients.Transposed, q, Heads(device, o.Dk, d, keys), (keys, d, count));
            if (!o.Dq.IsEmpty)
                Add(gradients, k, Heads(device, o.Dq, d, o.Queries, first), (count, d, keys));
        }

        void Add(HeadMatrix a, HeadMatrix b, HeadMatrix c, (int M, int N, int K) shape) =>
            HeadProductGpu.Run(device, a, b, c, sequences, heads, shape, 1f, adds: true);
    }

    /// <summary>Attention with dropout, for training: the flash kernels have none.</summary>
    public static void RunForward(IlgpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, int batch, AttentionDropout dropout)
    {
        if (q.Rows == 0) return;
        var (sequences, queries, keys, d, dv) = (batch * heads, q.Rows / batch, k.Rows / batch, q.Columns / heads, v.Columns / heads);
        var chunk = (int)Math.Clamp(ChunkFloats / ((long)sequences * keys), 1, queries);
        for (var first = 0; first < queries; first += chunk)
        {
            using var scope = device.Scope();
            var count = Math.Min(chunk, queries - first);
            var (scores, weights) = Weights(device, sequences, heads, count, keys);
            HeadProductGpu.Run(
                device, Heads(device, q, d, queries, first), Heads(device, k, d, keys).Transposed, weights, sequences, heads,
                (count, keys, d), 1f, adds: false);
            Softmax(device, scores, default, count, queries, first, d, dropout);
            HeadProductGpu.Run(
                device, weights, Heads(device, v, dv, keys), Heads(device, y, dv, queries, first), sequences, heads,
                (count, dv, keys), 1f, adds: false);
        }
    }

    /// <summary>One row of scores, and of the weights' gradients, per group: see <see cref="AttentionGradient"/>.</summary>
    internal static void WeightRows(Arguments arguments)
    {
        var partials = SharedMemory.GetDynamic<float>();
        var thread = GroupThread.Current;
        var keys = arguments.Scores.Columns;
        var factor = arguments.Scale * 1.44269504088896341f; // exponentials are powers of two
        for (var row = Grid.IdxX; row < arguments.Scores.Rows; row += Grid.DimX)
        {
            var number = ((ulong)(((row / arguments.Queries) * arguments.AllQueries) + arguments.FirstQuery + (row % arguments.Queries))) << 32;
            var scores = arguments.Scores.From(row);
            var hasGradients = arguments.Gradients.Rows > 0;
            var gradients = hasGradients ? arguments.Gradients.From(row) : scores;

            var maximum = float.MinValue;
            for (var k = thread.Index; k < keys; k += thread.Count) maximum = SimtMath.Max(maximum, scores[k] * factor);
            partials[thread.Index] = maximum;
            thread.Barrier();
            for (var i = 0; i < thread.Count; i++) maximum = SimtMath.Max(maximum, partials[i]);
            thread.Barrier(); // before the sums

            float sum = 0, product = 0; // of the exponentials, and of them times their gradients
            for (var k = thread.Index; k < keys; k += thread.Count)
            {
                var e = SimtMath.Exp2((scores[k] * factor) - maximum);
                scores[k] = e;
                sum += e;
                if (hasGradients) product += e * gradients[k] * Kept(arguments, number, k);
            }

            sum = LaneSum.Of(partials, thread.Count, sum);
            product = LaneSum.Of(partials, thread.Count, product) / sum;
            for (var k = thread.Index; k < keys; k += thread.Count)
            {
                var kept = Kept(arguments, number, k);
                var p = scores[k] / sum;
                if (hasGradients) gradients[k] = p * ((kept * gradients[k]) - product) * arguments.Scale;
                scores[k] = p * kept;
            }
        }
    }

    private static float Kept(Arguments arguments, ulong number, int key) =>
        arguments.Threshold == 0 ? 1f
        : DropoutMask.Keeps(arguments.Key, number + (uint)key, arguments.Threshold) ? arguments.Factor : 0f;

    private static void Softmax(
        IlgpuDevice device, Tensor scores, Tensor gradients, int count, int queries, int first, int d, AttentionDropout dropout)
    {
        var threads = device.GroupSize(Kernel);
        var arguments = new Arguments(
            device.Rows(scores), gradients.IsEmpty ? default : device.Rows(gradients), count, queries, first, 1f / MathF.Sqrt(d), dropout.Key,
            dropout.Threshold, dropout.Factor);
        device.Launch(Kernel, GroupThread.Groups(device, scores.Rows), threads, threads, arguments);
    }

    /// <summary>Room for the weights of some queries of every head.</summary>
    private static (Tensor Rows, HeadMatrix Heads) Weights(IlgpuDevice device, int sequences, int heads, int queries, int keys)
    {
        var rows = device.Rent(sequences * queries, keys);
        var each = (long)queries * keys;
        return (rows, new HeadMatrix(device.View(rows), heads * each, each, keys, 1));
    }

    /// <summary>The heads of a tensor, side by side in its rows, from a row of each sequence on.</summary>
    private static HeadMatrix Heads(IlgpuDevice device, Tensor tensor, int width, int rows, int first = 0)
    {
        var view = device.View(tensor);
        var start = (long)first * tensor.RowStride;
        return new(view.SubView(start, view.Length - start), (long)rows * tensor.RowStride, width, tensor.RowStride, 1);
    }
}
