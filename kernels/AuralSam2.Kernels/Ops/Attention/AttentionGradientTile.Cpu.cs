using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradients that a run of queries and a run of keys of one head owe each other. A block of keys stays in cache with its dk and dv while
/// blocks of queries pass. Weights are kept with keys as rows: then every product finds its factors as <see cref="GemmTile"/> reads them, and
/// only dq, the smallest result, comes out transposed.
/// </summary>
/// <remarks>With K and V as rows, Q^T and dY^T as panels: W^T = K Q^T, G^T = V dY^T, dV += W^T dY, dK += dS^T Q, dQ^T = K^T dS^T.</remarks>
internal unsafe struct AttentionGradientTile
{
    /// <summary>Queries in a block: whole panels at every width of vectors.</summary>
    public const int Queries = 96;

    /// <summary>Floats of a block of keys and of what belongs to it: two thirds of the second-level cache.</summary>
    private const int KeyBlockFloats = 160 << 10;

    private const int MaxKeyBlock = 512;

    public AttentionGradientOperands Operands;
    public Tensor Dq;
    public Tensor Dk;
    public Tensor Dv;
    public int Sequence;
    public int FirstKey;
    public int EndKey;
    public int FirstQuery;
    public int EndQuery;

    private CpuIsa isa;
    private int dPadded;
    private int dvPadded;
    private int strideTurned;

    // A block of keys.
    private float* keys;
    private float* turnedKeys;
    private float* values;
    private float* sumKeys;
    private float* sumValues;
    private float* weights;
    private float* scoreGradients;

    // A block of queries.
    private float* queries;
    private float* queryPanels;
    private float* gradients;
    private float* gradientPanels;
    private float* turnedDq;
    private float* dq;
    private float* results;
    private float* shifts;
    private float* products;
    private float* factors;
    private uint* rowLow;
    private uint* rowHigh;

    /// <summary>Adds the gradients.</summary>
    public void Run(CpuDevice device, int worker)
    {
        isa = device.Isa;
        (dPadded, dvPadded) = (FlashTile.Padded(Operands.HeadDim), FlashTile.Padded(Operands.ValueDim));
        var keyBlock = Math.Clamp(KeyBlockFloats / ((3 * dPadded) + (2 * dvPadded) + (2 * Queries)), 32, MaxKeyBlock) / 8 * 8;
        keyBlock = Math.Min(keyBlock, (EndKey - FirstKey + 7) / 8 * 8);
        Lay(device, worker, keyBlock);
        for (var key = FirstKey; key < EndKey; key += keyBlock)
        {
            var count = Math.Min(keyBlock, EndKey - key);
            LoadKeys(key, count);
            for (var query = FirstQuery; query < EndQuery; query += Queries)
            {
                var queryCount = Math.Min(Queries, EndQuery - query);
                LoadQueries(query, queryCount);
                switch (isa)
                {
                    case CpuIsa.Avx512: Block<Simd512, Vector512<float>>(key, count, queryCount); break;
                    case CpuIsa.Avx2: Block<Simd256, Vector256<float>>(key, count, queryCount); break;
                    default: Block<Simd128, Vector128<float>>(key, count, queryCount); break;
                }

                if (!Dq.IsEmpty) AddQueries(query, queryCount);
            }

            if (!Dk.IsEmpty) AddRows(count, Operands.HeadDim, sumKeys, dPadded, Dk, Row(Operands.Keys, key));
            if (!Dv.IsEmpty) AddRows(count, Operands.ValueDim, sumValues, dvPadded, Dv, Row(Operands.Keys, key));
        }
    }

    private readonly int Head => Sequence % Operands.Heads;

    /// <summary>The row of a tensor in which a query or key of this sequence lies.</summary>
    private readonly nint Row(int each, int index) => ((nint)(Sequence / Operands.Heads) * each) + index;

    private readonly float* At(Tensor t, int columns, nint row) => t.Pointer + (row * t.RowStride) + (Head * columns);

    private void Lay(CpuDevice device, int worker, int keyBlock)
    {
        strideTurned = ((keyBlock + 15) & ~15) + 16; // rows of a power of two would share a few sets of the cache
        nint perKey = (2 * dPadded) + (2 * dvPadded) + (2 * Queries);
        nint perQuery = (4 * dPadded) + (2 * dvPadded) + 5;
        var at = device.Scratch(worker, (perKey * keyBlock) + ((nint)dPadded * strideTurned) + (perQuery * Queries));
        float* Take(nint floats)
        {
            var taken = at;
            at += floats;
            return taken;
        }

        turnedKeys = Take((nint)dPadded * strideTurned);
        keys = Take((nint)keyBlock * dPadded);
        values = Take((nint)keyBlock * dvPadded);
        sumKeys = Take((nint)keyBlock * dPadded);
        sumValues = Take((nint)keyBlock * dvPadded);
        weights = Take((nint)keyBlock * Queries);
        scoreGradients = Take((nint)keyBlock * Queries);
        queries = Take((nint)Queries * dPadded);
        queryPanels = Take((nint)Queries * dPadded);
        gradients = Take((nint)Queries * dvPadded);
        gradientPanels = Take((nint)Queries * dvPadded);
        turnedDq = Take((nint)Queries * dPadded);
        dq = Take((nint)Queries * dPadded);
        shifts = Take(Queries);
        products = Take(Queries);
        factors = Take(Queries);
        rowLow = (uint*)Take(Queries);
        rowHigh = (uint*)Take(Queries);
    }

    private readonly void LoadKeys(int first, int count)
    {
        var o = Operands;
        var row = Row(o.Keys, first);
        AttentionCpu.CopyPadded(count, o.HeadDim, At(o.K, o.HeadDim, row), o.K.RowStride, keys, dPadded);
        AttentionCpu.CopyPadded(count, o.ValueDim, At(o.V, o.ValueDim, row), o.V.RowStride, values, dvPadded);
        var whole = (count + 7) & ~7;
        new Span<float>(keys + ((nint)count * dPadded), (whole - count) * dPadded).Clear();
        new Span<float>(values + ((nint)count * dvPadded), (whole - count) * dvPadded).Clear();
        if (!Dk.IsEmpty) new Span<float>(sumKeys, whole * dPadded).Clear();
        if (!Dv.IsEmpty) new Span<float>(sumValues, whole * dvPadded).Clear();
        if (Dq.IsEmpty) return;
        for (var k = 0; k < whole; k += 4)
        {
            var from = keys + ((nint)k * dPadded);
            FlashTile.Transpose4(from, from + dPadded, from + (2 * dPadded), from + (3 * dPadded), dPadded, turnedKeys + k, strideTurned);
        }
    }

    private void LoadQueries(int first, int count)
    {
        var o = Operands;
        var row = Row(o.Queries, first);
        float* q = At(o.Q, o.HeadDim, row), dy = At(o.Dy, o.ValueDim, row);
        var rows = stackalloc float*[Queries];
        for (var i = 0; i < count; i++) rows[i] = q + ((nint)i * o.Q.RowStride);
        FlashTile.PackKeys(isa, rows, count, o.HeadDim, queryPanels);
        if (!Dk.IsEmpty) AttentionCpu.CopyPadded(count, o.HeadDim, q, o.Q.RowStride, queries, dPadded);
        AttentionCpu.CopyPadded(count, o.ValueDim, dy, o.Dy.RowStride, gradients, dvPadded);
        if (o.WantsScores)
        {
            for (var i = 0; i < count; i++) rows[i] = dy + ((nint)i * o.Dy.RowStride);
            FlashTile.PackKeys(isa, rows, count, o.ValueDim, gradientPanels);
        }

        if (o.LinearScale != 0) return;
        results = o.WantsScores ? At(o.Y, o.ValueDim, row) : null;
        var sequenceRow = ((long)Sequence * o.Queries) + first;
        var padded = FlashTile.Padded(count);
        for (var i = 0; i < padded; i++)
        {
            shifts[i] = i < count ? -o.LogSums.Pointer[sequenceRow + i] : 0;
            products[i] = 0;
            if (!o.Dropout.IsOn) continue;
            var key = DropoutMask.Mix(o.Dropout.Key, (ulong)(sequenceRow + i));
            (rowLow[i], rowHigh[i]) = ((uint)key, (uint)(key >> 32));
        }
    }

    /// <summary>One block of queries against one block of keys.</summary>
    private readonly void Block<S, V>(int firstKey, int count, int queryCount)
        where S : struct, ISimd<V>
        where V : struct
    {
        ref readonly var o = ref Operands;
        var rows = (count + S.TileRows - 1) / S.TileRows * S.TileRows;
        var columns = (queryCount + S.Width - 1) / S.Width * S.Width;
        Panels<S, V>(keys, dPadded, rows, queryPanels, o.HeadDim, columns, weights);
        if (o.WantsScores) Panels<S, V>(values, dvPadded, rows, gradientPanels, o.ValueDim, columns, scoreGradients);
        if (o.LinearScale != 0) Linear<S, V>(count, columns);
        else Softmax<S, V>(firstKey, count, queryCount, columns);

        if (!Dv.IsEmpty) Product<S, V>(weights, Queries, rows, gradients, dvPadded, queryCount, dvPadded, sumValues, dvPadded, adds: true);
        if (!Dk.IsEmpty) Product<S, V>(scoreGradients, Queries, rows, queries, dPadded, queryCount, dPadded, sumKeys, dPadded, adds: true);
        if (!Dq.IsEmpty)
        {
            var channels = (o.HeadDim + S.TileRows - 1) / S.TileRows * S.TileRows;
            Product<S, V>(turnedKeys, strideTurned, channels, scoreGradients, Queries, count, columns, turnedDq, Queries, adds: false);
        }
    }

    /// <summary>Without a softmax: weights and their gradients are scaled.</summary>
    private readonly void Linear<S, V>(int count, int columns)
        where S : struct, ISimd<V>
        where V : struct
    {
        var factor = S.Create(Operands.LinearScale);
        for (var k = 0; k < count; k++)
        {
            float* w = weights + ((nint)k * Queries), g = scoreGradients + ((nint)k * Queries);
            for (var c = 0; c < columns; c += S.Width)
            {
                S.Store(S.Mul(S.Load(w + c), factor), w + c);
                if (Operands.WantsScores) S.Store(S.Mul(S.Load(g + c), factor), g + c);
            }
        }
    }

    /// <summary>Scores become probabilities, the gradients of the weights those of the scores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Softmax<S, V>(int firstKey, int count, int queryCount, int columns)
        where S : struct, ISimd<V>
        where V : struct
    {
        var (scores, dropout) = (Operands.WantsScores, Operands.Dropout);
        if (scores) Products<S, V>(queryCount);
        var scale = 1f / MathF.Sqrt(Operands.HeadDim);
        V toPower = S.Create(MathF.Log2(MathF.E) * scale), factor = S.Create(scale);
        for (var k = 0; k < count; k++)
        {
            float* w = weights + ((nint)k * Queries), g = scoreGradients + ((nint)k * Queries);
            if (dropout.IsOn) DropoutMask.Column(rowLow, rowHigh, (uint)(firstKey + k), columns, dropout.Threshold, dropout.Factor, factors);
            for (var c = 0; c < columns; c += S.Width)
            {
                var p = VectorMath.Exp2<S, V>(S.Fma(S.Load(w + c), toPower, S.Load(shifts + c)));
                S.Store(dropout.IsOn ? S.Mul(p, S.Load(factors + c)) : p, w + c);
                if (!scores) continue;
                var dw = dropout.IsOn ? S.Mul(S.Load(g + c), S.Load(factors + c)) : S.Load(g + c);
                S.Store(S.Mul(S.Mul(p, factor), S.Sub(dw, S.Load(products + c))), g + c);
            }
        }
    }

    /// <summary>D of every query, dy y.</summary>
    private readonly void Products<S, V>(int queryCount)
        where S : struct, ISimd<V>
        where V : struct
    {
        var (n, stride) = (Operands.ValueDim, (nint)Operands.Y.RowStride);
        for (var i = 0; i < queryCount; i++)
        {
            float* dy = gradients + ((nint)i * dvPadded), y = results + (i * stride);
            V sum0 = S.Zero, sum1 = S.Zero;
            var c = 0;
            for (; c + (2 * S.Width) <= n; c += 2 * S.Width)
            {
                sum0 = S.Fma(S.Load(dy + c), S.Load(y + c), sum0);
                sum1 = S.Fma(S.Load(dy + c + S.Width), S.Load(y + c + S.Width), sum1);
            }

            var sum = S.Sum(S.Add(sum0, sum1));
            for (; c < n; c++) sum += dy[c] * y[c];
            products[i] = sum;
        }
    }

    /// <summary>c = a B, where B lies in panels of rows of columns.</summary>
    private static void Panels<S, V>(float* a, nint strideA, int rows, float* panels, int depth, int columns, float* c)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var j = 0; j < columns;)
        {
            var vectors = CpuPackedMatrix.PanelVectors((columns - j) / S.Width);
            Tiles<S, V>(vectors, a, strideA, rows, panels, vectors * S.Width, depth, c + j, Queries, adds: false);
            panels += (nint)vectors * S.Width * depth;
            j += vectors * S.Width;
        }
    }

    /// <summary>c (+)= a b with the rows of b apart by a stride.</summary>
    private static void Product<S, V>(
        float* a, nint strideA, int rows, float* b, nint strideB, int depth, int columns, float* c, nint strideC, bool adds)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var j = 0; j < columns;)
        {
            var vectors = CpuPackedMatrix.PanelVectors((columns - j) / S.Width);
            Tiles<S, V>(vectors, a, strideA, rows, b + j, strideB, depth, c + j, strideC, adds);
            j += vectors * S.Width;
        }
    }

    private static void Tiles<S, V>(
        int vectors, float* a, nint strideA, int rows, float* b, nint strideB, int depth, float* c, nint strideC, bool adds)
        where S : struct, ISimd<V>
        where V : struct
    {
        var tile = new GemmTile.Operands { StrideA = strideA, B = b, StrideB = strideB, StrideC = strideC, StrideResidual = strideC, K = depth };
        for (var i = 0; i < rows; i += S.TileRows)
        {
            tile.A = a + (i * strideA);
            tile.C = c + (i * strideC);
            tile.Residual = adds ? tile.C : null;
            GemmTile.Run<S, V>(vectors, tile);
        }
    }

    /// <summary>dq turned back into rows and added.</summary>
    private readonly void AddQueries(int first, int count)
    {
        var padded = (count + 3) & ~3;
        for (var c = 0; c < Operands.HeadDim; c += 4)
        {
            var from = turnedDq + ((nint)c * Queries);
            FlashTile.Transpose4(from, from + Queries, from + (2 * Queries), from + (3 * Queries), padded, dq + c, dPadded);
        }

        AddRows(count, Operands.HeadDim, dq, dPadded, Dq, Row(Operands.Queries, first));
    }

    private readonly void AddRows(int count, int columns, float* source, int stride, Tensor target, nint row)
    {
        var to = At(target, columns, row);
        for (var i = 0; i < count; i++, to += target.RowStride, source += stride) ElementwiseCpu.AddRow(isa, columns, to, source, to, 1f);
    }
}
