namespace AuralSam2.Kernels;

/// <summary>
/// Scratch memory of a device: a stack in one block. The first run of a shape grows it by further blocks; when its outermost scope closes they
/// become one block of the size that was needed. After that renting is an addition and a frame allocates nothing.
/// </summary>
/// <remarks>Scopes nest like calls do; a tensor must not outlive the scope it was rented in.</remarks>
public sealed class Arena : IDisposable
{
    /// <summary>Floats: every rented tensor starts on a cache line, which is also what 128-bit GPU loads need.</summary>
    private const int Alignment = 16;

    private const long BlockFloats = 8L << 20;

    private readonly Device device;
    private readonly List<DeviceBuffer> blocks = [];
    private int block;
    private long used; // of that block
    private long level; // floats rented now, as if they lay in one block
    private long highWater;
    private int depth;

    internal Arena(Device device) => this.device = device;

    /// <summary>Scopes that are open. Zero between calls of a model; a test fails otherwise.</summary>
    public int OpenScopes => depth;

    /// <summary>Floats that all blocks hold together.</summary>
    public long Capacity => blocks.Sum(b => b.Length);

    /// <summary>Bytes rented so far, given back or not: a reading, to be subtracted from a later one.</summary>
    internal long RentedBytes { get; private set; }

    /// <summary>Rents a dense tensor with undefined contents.</summary>
    /// <exception cref="InvalidOperationException">No scope is open.</exception>
    public Tensor Rent(params ReadOnlySpan<int> dims)
    {
        if (depth == 0) throw new InvalidOperationException("rent inside a scope: using var scope = device.Scope();");
        var shape = new Shape(dims);
        var length = (shape.Length + Alignment - 1) / Alignment * Alignment;
        while (block < blocks.Count && used + length > blocks[block].Length)
        {
            block++;
            used = 0;
        }

        if (block == blocks.Count) blocks.Add(device.Allocate(Math.Max(length, BlockFloats)));
        var tensor = new Tensor(blocks[block], used, shape, shape.Columns);
        used += length;
        level += length;
        RentedBytes += length * sizeof(float);
        highWater = Math.Max(highWater, level);
        return tensor;
    }

    /// <summary>Opens a scope.</summary>
    public Lease Scope()
    {
        depth++;
        return new Lease(this, block, used, level, depth);
    }

    /// <summary>Frees all blocks.</summary>
    public void Dispose()
    {
        foreach (var b in blocks) b.Dispose();
        blocks.Clear();
        block = 0;
        used = 0;
    }

    /// <summary>
    /// Several blocks become one: each of them wastes what did not fit behind its last tensor. The old ones go first, so that the peak of
    /// memory is that of the first run.
    /// </summary>
    private void Unite()
    {
        if (blocks.Count < 2) return;
        try
        {
            device.Synchronize(); // what uses the old blocks ends before they do
            Dispose();
            blocks.Add(device.Allocate(highWater));
        }
        catch (Exception error) when (error is OutOfMemoryException or DeviceException)
        {
            // A scope may close because the device has failed, which then shows at the next call; if it has not, the next tensor asks again.
        }
    }

    /// <summary>An open scope; disposing it gives back all that was rented since.</summary>
    public readonly struct Lease : IDisposable
    {
        private readonly Arena arena;
        private readonly int block;
        private readonly long used;
        private readonly long level;
        private readonly int depth;

        internal Lease(Arena arena, int block, long used, long level, int depth)
        {
            this.arena = arena;
            this.block = block;
            this.used = used;
            this.level = level;
            this.depth = depth;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (arena.depth != depth) throw new InvalidOperationException("scopes must be closed in the reverse order of opening");
            arena.block = block;
            arena.used = used;
            arena.level = level;
            if (--arena.depth == 0) arena.Unite();
        }
    }
}
