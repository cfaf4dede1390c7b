namespace AuralSam2.Kernels;

/// <summary>
/// Records ops while a model runs and then runs them backwards: reverse-mode differentiation. A model does not know that it is recorded; a
/// device without a tape pays one comparison per op.
/// </summary>
/// <remarks>
/// <para>
/// Gradients live in shadows: every buffer that a trainable value reaches has a buffer of the same size, and the gradient of a tensor is the
/// view of the shadow at the tensor's own place. Slices, reshapes and column views of a tensor so need no bookkeeping of their own.
/// </para>
/// <para>
/// A shadow belongs to memory, not to a value. While the records are walked back, it holds the gradient of what lay in that memory at that
/// moment; an op that wrote y takes y's gradient and leaves there the gradient of what was there before: zero, unless the op worked in place.
/// So models may work in place and arenas may hand out the same memory again, as they do without a tape. What a gradient needs of values that
/// may be gone by then is copied aside (<see cref="Save"/>).
/// </para>
/// <para>Frozen inputs cost nothing: a tape follows memory that a trainable value reaches, and ops record only what they did with that.</para>
/// </remarks>
public sealed class Tape : IDisposable
{
    private readonly Device device;
    private readonly Arena store;
    private readonly Dictionary<DeviceBuffer, Shadow> shadows = [];
    private readonly HashSet<DeviceBuffer> held = [];
    private readonly List<TapeRecord> records = [];
    private readonly List<(Tensor Original, Tensor Copy)> saved = [];
    private readonly List<(Tensor Original, Action<Tensor> Repeat)> repeatable = [];
    private Arena.Lease? lease;
    private bool recording;
    private ulong dropouts;

    /// <summary>Makes an empty tape for a device.</summary>
    public Tape(Device device)
    {
        this.device = device;
        store = new Arena(device);
    }

    /// <summary>Random numbers of this step's dropout; rate 0 unless set.</summary>
    public DropoutPlan Dropout { get; set; } = new();

    /// <summary>
    /// Looks at every result and every gradient and names the first op with one that is not a finite number. Slow: to find out about a step
    /// that went wrong, by running it again.
    /// </summary>
    public bool Checked { get; set; }

    /// <summary>Ops recorded and not yet walked back.</summary>
    public int Records => records.Count;

    /// <summary>Bytes of values that were copied aside for gradients in this recording.</summary>
    public long SavedBytes { get; private set; }

    /// <summary>Bytes of gradients of everything but parameters, and of the store.</summary>
    public long HeldBytes =>
        sizeof(float) * (store.Capacity + shadows.Values.Where(s => !s.IsParameter).Sum(s => s.Gradients.Length));

    /// <summary>From now on the tensor's buffer holds parameters: their gradients are wanted, and add up until <see cref="ZeroGradients"/>.</summary>
    public void Follow(Tensor parameter)
    {
        Reach(parameter);
        shadows[parameter.Buffer].IsParameter = true;
    }

    /// <summary>
    /// Promises that a buffer does not change until <see cref="Clear"/>, so that what gradients need of it is not copied: features that were
    /// computed before, parameters.
    /// </summary>
    public void Hold(DeviceBuffer buffer) => held.Add(buffer);

    /// <summary>Ops of the device are recorded until the result is disposed.</summary>
    /// <exception cref="InvalidOperationException">The device records on a tape already.</exception>
    public Recording Record()
    {
        if (device.Tape is not null) throw new InvalidOperationException($"{device.Name} records on a tape already");
        DropOrphans();
        lease ??= store.Scope();
        recording = true;
        device.Tape = this;
        return new Recording(this);
    }

    /// <summary>The gradient of a tensor, a view that ops add to.</summary>
    /// <exception cref="InvalidOperationException">No trainable value reaches the tensor's buffer.</exception>
    public Tensor Gradient(Tensor tensor) => shadows.TryGetValue(tensor.Buffer, out var shadow)
        ? new Tensor(shadow.Gradients, tensor.Offset, tensor.Shape, tensor.RowStride)
        : throw new InvalidOperationException($"no gradient reaches a tensor {tensor}: follow it first");

    /// <summary>
    /// A key for the <see cref="DropoutMask"/> of the next op that drops values: of the plan's seed and of how many came before in this
    /// recording.
    /// </summary>
    internal ulong NextDropoutKey() => DropoutMask.Mix(Dropout.Seed, dropouts++);

    /// <summary>Whether a tensor lies where gradients are kept.</summary>
    public bool HasGradient(Tensor tensor) => shadows.ContainsKey(tensor.Buffer);

    /// <summary>Whether any op has added to a parameter's gradient since <see cref="ZeroGradients"/>.</summary>
    public bool IsTouched(Tensor parameter) => shadows.TryGetValue(parameter.Buffer, out var shadow) && shadow.Touched.Overlaps(Extent(parameter));

    /// <summary>Walks back from a loss: afterwards every parameter's gradient has grown by the derivative of the loss.</summary>
    /// <param name="loss"><c>[1]</c>.</param>
    /// <param name="scale">Factor of the loss: 1 / n when gradients of n clips are averaged.</param>
    /// <exception cref="NonFiniteException">Checked, and an op made a gradient that is not a finite number.</exception>
    public void Backward(Tensor loss, float scale = 1f)
    {
        if (loss.Length != 1) throw new ArgumentException($"a loss is one number, not {loss}");
        ClearGradients();
        device.FillCore(Gradient(loss), scale);
        WalkBack();
    }

    /// <summary>Walks back from gradients that the caller has written with <see cref="Gradient"/> after <see cref="ClearGradients"/>.</summary>
    /// <exception cref="InvalidOperationException">Ops are being recorded.</exception>
    public void WalkBack()
    {
        if (recording) throw new InvalidOperationException("end the recording before walking back");
        for (var i = records.Count - 1; i >= 0; i--) records[i].Run();
        device.Synchronize();
        Clear();
    }

    /// <summary>Shows the gradient of what a tensor holds now, when the walk back comes by: to look into a model that learns.</summary>
    /// <exception cref="InvalidOperationException">Nothing is being recorded.</exception>
    public void Observe(Tensor tensor, Action<Tensor> look)
    {
        if (!recording) throw new InvalidOperationException("gradients are observed while a model is recorded");
        if (!Reaches(tensor)) return;
        var record = new TapeRecord(this, device, "Observe", [tensor]) { Keeps = true };
        record.Commit(tensor, () => look(Gradient(tensor)));
    }

    /// <summary>Zeroes the gradients of everything but parameters.</summary>
    public void ClearGradients()
    {
        foreach (var shadow in shadows.Values.Where(s => !s.IsParameter))
            foreach (var interval in shadow.Used.Items) Zero(shadow, interval);
    }

    /// <summary>Zeroes the gradients of parameters: once per optimizer step.</summary>
    public void ZeroGradients()
    {
        foreach (var shadow in shadows.Values.Where(s => s.IsParameter))
        {
            foreach (var interval in shadow.Used.Items) Zero(shadow, interval);
            shadow.Touched.Clear();
        }
    }

    /// <summary>Forgets what was recorded.</summary>
    public void Clear()
    {
        records.Clear();
        saved.Clear();
        repeatable.Clear();
        held.Clear();
        SavedBytes = 0;
        dropouts = 0;
        lease?.Dispose();
        lease = null;
        DropOrphans();
        foreach (var (buffer, shadow) in shadows)
            if (!shadow.IsParameter) shadow.Reached.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (device.Tape == this) device.Tape = null;
        Clear();
        foreach (var shadow in shadows.Values) shadow.Gradients.Dispose();
        shadows.Clear();
        store.Dispose();
    }

    /// <summary>Whether a trainable value reaches a tensor.</summary>
    internal bool Reaches(Tensor tensor) =>
        !tensor.IsEmpty && shadows.TryGetValue(tensor.Buffer, out var shadow) && shadow.Reached.Overlaps(Extent(tensor));

    /// <summary>A record for an op that writes y, or null when no trainable value reaches any of its inputs.</summary>
    internal TapeRecord? Begin(string op, Tensor y, ReadOnlySpan<Tensor> inputs)
    {
        var reached = false;
        foreach (var input in inputs) reached |= Reaches(input);
        if (!reached)
        {
            Overwritten(y);
            return null;
        }

        return new TapeRecord(this, device, op, inputs);
    }

    /// <summary>
    /// The stretches of a tensor that no trainable value reaches, where others are reached: its op adds to their gradients too, but nobody
    /// takes these.
    /// </summary>
    internal IEnumerable<Tensor> Unreached(Tensor tensor) => Reaches(tensor)
        ? shadows[tensor.Buffer].Reached.Without(Extent(tensor)).Select(gap => new Tensor(
            tensor.Buffer, gap.Start, new Shape(1, checked((int)(gap.End - gap.Start))), checked((int)(gap.End - gap.Start))))
        : [];

    /// <summary>From here on a tensor holds something that a trainable value reaches.</summary>
    internal void Reach(Tensor y)
    {
        Forget(y);
        var (shadow, extent) = (ShadowOf(y.Buffer), Extent(y));
        foreach (var interval in shadow.Used.Without(extent)) Zero(shadow, interval);
        shadow.Used.Add(extent);
        shadow.Reached.Add(extent);
    }

    /// <summary>A tensor was or will be written with something that no trainable value reaches.</summary>
    internal void Overwritten(Tensor y)
    {
        Forget(y);
        if (!shadows.TryGetValue(y.Buffer, out var shadow) || !shadow.Reached.Overlaps(Extent(y))) return;
        if (y.IsDense) shadow.Reached.Remove(Extent(y));
        else new TapeRecord(this, device, "Overwrite", []).Commit(y, () => { }); // its neighbours are followed, so it seems to be; its gradient is dropped
    }

    /// <summary>A dense tensor with the values that <paramref name="tensor"/> has now, until the recording is cleared.</summary>
    internal Tensor Save(Tensor tensor)
    {
        if (tensor.IsEmpty || held.Contains(tensor.Buffer)) return tensor;
        if (shadows.TryGetValue(tensor.Buffer, out var shadow) && shadow.IsParameter) return tensor;
        foreach (var (original, earlier) in saved)
        {
            if (original.Buffer == tensor.Buffer && original.Offset == tensor.Offset && original.RowStride == tensor.RowStride &&
                original.Rows == tensor.Rows && original.Columns == tensor.Columns)
                return new Tensor(earlier.Buffer, earlier.Offset, tensor.Shape, tensor.Columns);
        }

        Span<int> dims = stackalloc int[tensor.Shape.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = tensor.Shape[i];
        var copy = Reserve(dims);
        using (device.Time("Save", 0, 8.0 * tensor.Length, $"{tensor.Shape}")) device.CopyCore(tensor, copy);
        saved.Add((tensor, copy));
        return copy;
    }

    /// <summary>
    /// From here on a tensor need not be copied: it can be computed again, into a tensor of its shape, from what has been saved.
    /// </summary>
    internal void Repeatable(Tensor tensor, Action<Tensor> repeat) => repeatable.Add((tensor, repeat));

    /// <summary>How to compute what a tensor holds now once more; null: it has to be saved.</summary>
    internal Action<Tensor>? RepeatOf(Tensor tensor)
    {
        foreach (var (original, repeat) in repeatable)
            if (original.IsSameAs(tensor)) return repeat;
        return null;
    }

    /// <summary>Room for statistics that a gradient needs, until the recording is cleared.</summary>
    internal Tensor Reserve(params ReadOnlySpan<int> dims)
    {
        var room = store.Rent(dims);
        SavedBytes += room.Length * sizeof(float);
        return room;
    }

    internal void Add(TapeRecord record) => records.Add(record);

    /// <summary>The gradient of a tensor for an op that adds to it.</summary>
    internal Tensor GradientFor(Tensor tensor)
    {
        var gradient = Gradient(tensor);
        if (shadows[tensor.Buffer] is { IsParameter: true } shadow) shadow.Touched.Add(Extent(tensor));
        return gradient;
    }

    private static (long Start, long End) Extent(Tensor t) =>
        t.Length == 0 ? (t.Offset, t.Offset) : (t.Offset, t.Offset + ((long)(t.Rows - 1) * t.RowStride) + t.Columns);

    /// <summary>Copies of what is overwritten now are no longer copies of what lies there.</summary>
    private void Forget(Tensor y)
    {
        var (start, end) = Extent(y);
        repeatable.RemoveAll(r => r.Original.Buffer == y.Buffer && Extent(r.Original) is var (from, to) && from < end && to > start);
        for (var i = saved.Count - 1; i >= 0; i--)
        {
            var (from, to) = Extent(saved[i].Original);
            if (saved[i].Original.Buffer != y.Buffer || from >= end || to <= start) continue;
            saved[i] = saved[^1];
            saved.RemoveAt(saved.Count - 1);
        }
    }

    /// <summary>Memory that is gone, arena blocks that became one for example, needs no gradients.</summary>
    private void DropOrphans()
    {
        foreach (var (buffer, shadow) in shadows.Where(s => s.Key.IsDisposed).ToArray())
        {
            shadow.Gradients.Dispose();
            shadows.Remove(buffer);
        }
    }

    private Shadow ShadowOf(DeviceBuffer buffer)
    {
        if (shadows.TryGetValue(buffer, out var shadow)) return shadow;
        shadows.Add(buffer, shadow = new Shadow(device.Allocate(buffer.Length)));
        return shadow;
    }

    /// <summary>Zeroes a stretch of gradients, as a matrix and what is left of it: threads share the rows.</summary>
    private void Zero(Shadow shadow, (long Start, long End) interval)
    {
        const int columns = 1024;
        var (rows, rest) = ((int)((interval.End - interval.Start) / columns), (int)((interval.End - interval.Start) % columns));
        if (rows > 0) device.FillCore(new Tensor(shadow.Gradients, interval.Start, new Shape(rows, columns), columns), 0);
        if (rest > 0) device.FillCore(new Tensor(shadow.Gradients, interval.End - rest, new Shape(1, rest), rest), 0);
    }

    /// <summary>Recording that ends when this is disposed.</summary>
    public readonly struct Recording : IDisposable
    {
        private readonly Tape tape;

        internal Recording(Tape tape) => this.tape = tape;

        /// <inheritdoc/>
        public void Dispose()
        {
            tape.device.Tape = null;
            tape.recording = false;
        }
    }

    private sealed class Shadow(DeviceBuffer gradients)
    {
        public DeviceBuffer Gradients { get; } = gradients;

        /// <summary>What a trainable value reaches now.</summary>
        public Intervals Reached { get; } = new();

        /// <summary>What one has ever reached: gradients elsewhere mean nothing.</summary>
        public Intervals Used { get; } = new();

        /// <summary>What of parameters' gradients was added to.</summary>
        public Intervals Touched { get; } = new();

        public bool IsParameter { get; set; }
    }
}
