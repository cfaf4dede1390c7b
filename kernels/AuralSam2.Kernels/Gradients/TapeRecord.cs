namespace AuralSam2.Kernels;

/// <summary>
/// One op on a tape. An op asks <see cref="Device.Recording"/> for a record before it computes, because it may overwrite what it has to save;
/// saves; computes; and commits its gradient.
/// </summary>
/// <remarks>
/// What a gradient does (see <see cref="Tape"/>): it reads the gradient of its result and <b>adds</b> to the gradients of those inputs that
/// are wanted. Then the tape zeroes the result's gradient, unless the op kept it: it worked in place, and left there the gradient of the
/// input that its result replaced.
/// </remarks>
internal sealed class TapeRecord
{
    private readonly Tape tape;
    private readonly Device device;
    private readonly string op;
    private readonly string module;
    private readonly Tensor[] inputs;
    private readonly Tensor[] unreached;
    private readonly List<Tensor> results = [];
    private Action? gradient;

    /// <summary>Begins a record.</summary>
    /// <param name="tape">Where it will go.</param>
    /// <param name="device">Runs the gradient.</param>
    /// <param name="op">Name of the op.</param>
    /// <param name="inputs">All inputs that can have a gradient.</param>
    public TapeRecord(Tape tape, Device device, string op, ReadOnlySpan<Tensor> inputs)
    {
        (this.tape, this.device, this.op, module) = (tape, device, op, device.CurrentModule);
        this.inputs = [.. inputs];
        unreached = [.. this.inputs.SelectMany(tape.Unreached)];
    }

    /// <summary>Set when the gradient of the result is left as that of the input which the result replaced.</summary>
    public bool Keeps { get; set; }

    /// <summary>Whether an input's gradient is wanted: a trainable value reaches it. To be asked before the op computes.</summary>
    public bool Wants(Tensor input) => tape.Reaches(input);

    /// <summary>The value that an input has now, for the gradient.</summary>
    public Tensor Save(Tensor input) => tape.Save(input);

    /// <summary>How to compute an input's value once more where that is cheap; null: it has to be saved.</summary>
    public Action<Tensor>? RepeatOf(Tensor input) => tape.RepeatOf(input);

    /// <summary>After <see cref="Commit"/>: the result is cheap to compute again from what was saved, so ops that read it need not save it.</summary>
    public void Repeatable(Tensor y, Action<Tensor> repeat) => tape.Repeatable(y, repeat);

    /// <summary>The value of a result, for the gradient: after the op has computed it.</summary>
    public Tensor SaveResult(Tensor y)
    {
        Reach(y);
        return tape.Save(y);
    }

    /// <summary>Room for statistics that the gradient will read.</summary>
    public Tensor Reserve(params ReadOnlySpan<int> dims) => tape.Reserve(dims);

    /// <summary>The gradient of a tensor.</summary>
    public Tensor Gradient(Tensor tensor) => tape.GradientFor(tensor);

    /// <summary>Puts the op on the tape.</summary>
    /// <param name="y">Its result.</param>
    /// <param name="backward">Its gradient.</param>
    /// <exception cref="NonFiniteException">The tape is checked, and the result holds something that is not a finite number.</exception>
    public void Commit(Tensor y, Action backward)
    {
        Reach(y);
        gradient = backward;
        tape.Add(this);
        if (tape.Checked) RequireFinite(y, "result");
    }

    /// <summary>A further result, before <see cref="Commit"/>.</summary>
    public void AlsoWrites(Tensor y) => Reach(y);

    /// <summary>Runs the gradient.</summary>
    /// <exception cref="NonFiniteException">The tape is checked, and it made something that is not a finite number.</exception>
    public void Run()
    {
        using (device.Module(module))
        using (device.Scope()) gradient!();
        if (!Keeps)
            foreach (var y in results) device.FillCore(tape.Gradient(y), 0);
        foreach (var stretch in unreached) device.FillCore(tape.Gradient(stretch), 0);
        if (!tape.Checked) return;
        foreach (var input in inputs)
            if (tape.Reaches(input)) RequireFinite(tape.Gradient(input), "gradient");
    }

    private void Reach(Tensor y)
    {
        if (results.Exists(r => r.Buffer == y.Buffer && r.Offset == y.Offset)) return;
        results.Add(y);
        tape.Reach(y);
    }

    private void RequireFinite(Tensor values, string what)
    {
        foreach (var value in device.Download(values))
            if (!float.IsFinite(value)) throw new NonFiniteException(op, module, $"a {what} {values.Shape} holds {value}");
    }
}
