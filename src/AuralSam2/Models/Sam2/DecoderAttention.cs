using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>Attention with projections of its own for queries, keys, values and output (SPEC 3).</summary>
internal sealed class DecoderAttention
{
    private readonly Device device;
    private readonly string path;
    private readonly int heads;
    private readonly int inner;
    private readonly PackedMatrix q;
    private readonly PackedMatrix k;
    private readonly PackedMatrix v;
    private readonly PackedMatrix output;

    /// <summary>Reads q_proj, k_proj, v_proj and out_proj.</summary>
    /// <param name="binder">Parameters.</param>
    /// <param name="prefix">Name of the attention.</param>
    /// <param name="channels">Channels outside.</param>
    /// <param name="inner">Channels of q, k and v.</param>
    /// <param name="heads">Heads.</param>
    public DecoderAttention(ParameterBinder binder, string prefix, int channels, int inner, int heads)
    {
        device = binder.Device;
        path = prefix;
        this.heads = heads;
        this.inner = inner;
        q = binder.Linear(prefix + ".q_proj", inner, channels);
        k = binder.Linear(prefix + ".k_proj", inner, channels);
        v = binder.Linear(prefix + ".v_proj", inner, channels);
        output = binder.Linear(prefix + ".out_proj", channels, inner);
    }

    /// <summary>y = out(attention(q(query), k(key), v(value))) (+ residual).</summary>
    /// <param name="query"><c>[queries, channels]</c>.</param>
    /// <param name="key"><c>[keys, channels]</c>.</param>
    /// <param name="value"><c>[keys, channels]</c>.</param>
    /// <param name="y"><c>[queries, channels]</c>.</param>
    /// <param name="residual">Optional <c>[queries, channels]</c>; may be y.</param>
    /// <param name="name">Name in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(Tensor query, Tensor key, Tensor value, Tensor y, Tensor residual, string name, StageObserver? observe)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        Tensor qs = device.Rent(query.Rows, inner), ks = device.Rent(key.Rows, inner),
            vs = device.Rent(key.Rows, inner), mixed = device.Rent(query.Rows, inner);
        Gemm.Forward(device, query, q, qs);
        Gemm.Forward(device, key, k, ks);
        Gemm.Forward(device, value, v, vs);
        Attention.Forward(device, qs, ks, vs, mixed, heads);
        if (observe is not null)
        {
            var projected = device.Rent(query.Rows, y.Columns);
            Gemm.Forward(device, mixed, output, projected);
            observe(name + ".q_proj", qs);
            observe(name + ".k_proj", ks);
            observe(name + ".v_proj", vs);
            observe(name + ".out_proj", projected);
            observe(name, projected);
        }

        Gemm.Forward(device, mixed, output, y, new GemmFusion { Residual = residual });
    }
}
