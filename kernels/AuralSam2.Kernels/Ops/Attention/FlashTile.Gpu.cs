using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A block of queries against block after block of keys, in shared memory: the core of every attention kernel on a GPU. Scores live for one
/// block of keys; a running maximum and sum per query make the softmax exact (online softmax, as on the CPU).
/// </summary>
/// <remarks>
/// The kernel stages queries, keys and values; this holds the layout and the arithmetic. All products are sums of outer products of quads,
/// so queries, keys and scores lie with the dimension that is summed over outermost. Every function is called by all threads of the group,
/// whatever their number; the barriers between them are the caller's.
/// </remarks>
/// <param name="headDim">Channels of a head, d.</param>
/// <param name="queries">Queries of a block: a multiple of four.</param>
/// <param name="keys">Keys of a block: a multiple of four.</param>
internal readonly struct SimtFlashTile(int headDim, int queries, int keys)
{
    /// <summary>Largest extent of a block.</summary>
    private const int MaxBlock = 32;

    public readonly int HeadDim = headDim;
    public readonly int Queries = queries;
    public readonly int Keys = keys;

    /// <summary>Quads of a value or an output.</summary>
    public int HeadQuads => (HeadDim + 3) / 4;

    /// <summary>
    /// Floats from one channel of the queries to the next, and from the scores of one key to the next: padded by a quad against bank
    /// conflicts.
    /// </summary>
    public int QueryStride => Queries + 4;

    /// <summary>Floats from one channel of the keys to the next.</summary>
    public int KeyStride => Keys + 4;

    /// <summary>Floats of one value, of one output.</summary>
    public int ValueStride => HeadQuads * 4;

    /// <summary>Keys <c>[d][keys]</c>, later in the same place values <c>[keys][d]</c>.</summary>
    public int KeysAt => HeadDim * QueryStride;

    private int ScoresAt => KeysAt + IntrinsicMath.Max(HeadDim * KeyStride, Keys * ValueStride); // [keys][queries]

    private int OutputAt => ScoresAt + (Keys * QueryStride); // [queries][d]

    private int MaximumAt => OutputAt + (Queries * ValueStride);

    private int SumAt => MaximumAt + Queries;

    private int RescaleAt => SumAt + Queries;

    /// <summary>Floats of shared memory.</summary>
    public int SharedFloats => RescaleAt + Queries;

    /// <summary>The largest blocks that fit in shared memory, of equal size: 49 keys are visited as 28 and 21, not as 32 and 17.</summary>
    /// <exception cref="NotSupportedException">The head is too wide for any block.</exception>
    public static SimtFlashTile For(int headDim, int queries, int keys)
    {
        for (var block = MaxBlock; block >= 4; block /= 2)
        {
            var tile = new SimtFlashTile(headDim, Even(queries, block), Even(keys, block));
            if (tile.SharedFloats <= GpuKernel.SharedLimit) return tile;
        }

        throw new NotSupportedException($"attention on a GPU: heads of {headDim} channels do not fit in shared memory; use --device cpu");
    }

    /// <summary>Nothing seen yet.</summary>
    public void Clear(ArrayView<float> shared)
    {
        for (var e = OutputAt + Group.IdxX; e < MaximumAt; e += Group.DimX) shared[e] = 0f;
        for (var q = Group.IdxX; q < Queries; q += Group.DimX)
        {
            shared[MaximumAt + q] = float.MinValue;
            shared[SumAt + q] = 0f;
        }
    }

    /// <summary>scores = keys x queries, a quad of four keys and four queries at a time.</summary>
    public void Score(ArrayView<Float4> shared)
    {
        var queryQuads = Queries / 4;
        for (var quad = Group.IdxX; quad < Keys / 4 * queryQuads; quad += Group.DimX)
        {
            var (key, query) = (quad / queryQuads, quad % queryQuads);
            var (k, q) = ((KeysAt / 4) + key, query);
            Quad sums = default;
            for (var c = 0; c < HeadDim; c++)
            {
                sums = sums.AddOuter(shared[k], shared[q]);
                k += KeyStride / 4;
                q += QueryStride / 4;
            }

            var target = ((ScoresAt + (key * 4 * QueryStride)) / 4) + query;
            shared[target] = sums.Row0;
            shared[target + (QueryStride / 4)] = sums.Row1;
            shared[target + (2 * QueryStride / 4)] = sums.Row2;
            shared[target + (3 * QueryStride / 4)] = sums.Row3;
        }
    }

    /// <summary>Scores become weights relative to the running maximum; sums and the factor for what was summed before follow it.</summary>
    /// <param name="shared">The tile.</param>
    /// <param name="validKeys">Keys of this block that exist, at least one; the others weigh nothing.</param>
    public void Weigh(ArrayView<float> shared, int validKeys)
    {
        for (var q = Group.IdxX; q < Queries; q += Group.DimX)
        {
            var before = shared[MaximumAt + q];
            var maximum = before;
            for (var k = 0; k < validKeys; k++) maximum = IntrinsicMath.Max(maximum, shared[ScoresAt + (k * QueryStride) + q]);
            var sum = 0f;
            for (var k = 0; k < Keys; k++)
            {
                var at = ScoresAt + (k * QueryStride) + q;
                var weight = k < validKeys ? SimtMath.Exp(shared[at] - maximum) : 0f;
                shared[at] = weight;
                sum += weight;
            }

            // The first block rescales zeros.
            var rescale = SimtMath.Exp(before - maximum);
            shared[MaximumAt + q] = maximum;
            shared[SumAt + q] = (shared[SumAt + q] * rescale) + sum;
            shared[RescaleAt + q] = rescale;
        }
    }

    /// <summary>output = rescale * output + weights x values, a quad of four queries and four channels at a time.</summary>
    public void Accumulate(ArrayView<Float4> shared, ArrayView<float> scalars)
    {
        for (var quad = Group.IdxX; quad < Queries / 4 * HeadQuads; quad += Group.DimX)
        {
            var (query, channel) = (quad / HeadQuads, quad % HeadQuads);
            var (p, v) = ((ScoresAt / 4) + query, (KeysAt / 4) + channel);
            Quad sums = default;
            for (var k = 0; k < Keys; k++)
            {
                sums = sums.AddOuter(shared[p], shared[v]);
                p += QueryStride / 4;
                v += HeadQuads;
            }

            var (target, rescale) = ((OutputAt / 4) + (query * 4 * HeadQuads) + channel, RescaleAt + (query * 4));
            shared[target] = shared[target].MultiplyAdd(scalars[rescale], sums.Row0);
            shared[target + HeadQuads] = shared[target + HeadQuads].MultiplyAdd(scalars[rescale + 1], sums.Row1);
            shared[target + (2 * HeadQuads)] = shared[target + (2 * HeadQuads)].MultiplyAdd(scalars[rescale + 2], sums.Row2);
            shared[target + (3 * HeadQuads)] = shared[target + (3 * HeadQuads)].MultiplyAdd(scalars[rescale + 3], sums.Row3);
        }
    }

    /// <summary>1 / sum of a query's weights.</summary>
    public float Normaliser(ArrayView<float> shared, int query) => 1f / shared[SumAt + query];

    /// <summary>One channel of a query's output, still to be multiplied by <see cref="Normaliser"/>.</summary>
    public float Output(ArrayView<float> shared, int query, int channel) => shared[OutputAt + (query * ValueStride) + channel];

    /// <summary>Extent of blocks that share <paramref name="count"/> evenly, a multiple of four.</summary>
    private static int Even(int count, int largest)
    {
        var blocks = (count + largest - 1) / largest;
        return ((count + blocks - 1) / blocks + 3) / 4 * 4;
    }
}
