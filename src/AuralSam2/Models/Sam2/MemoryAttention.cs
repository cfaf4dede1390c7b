using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>The current frame reads its memories (SPEC 5): self-attention and cross-attention with rotary positions, pre-norm.</summary>
internal sealed class MemoryAttention
{
    private const int Channels = 256;
    private const int MemoryChannels = 64;
    private const int Hidden = 2048;
    private const string Path = "memory_attention";

    private readonly Device device;
    private readonly Layer[] layers;
    private readonly NormWeights norm;

    public MemoryAttention(Sam2Config config, ParameterBinder binder)
    {
        device = binder.Device;
        if (!binder.Declaring)
        {
            Angles = Rope.Table(device, config.Grid, Channels);
            binder.Own(Angles.Cos.Buffer);
            binder.Own(Angles.Sin.Buffer);
        }

        layers = [.. Enumerable.Range(0, config.MemoryLayers).Select(i => new Layer(binder, $"memory_attention.layers.{i}"))];
        norm = binder.Norm("memory_attention.norm", Channels, 1e-5f);
    }

    /// <summary>Angles of the rotary encoding, <c>[grid * grid, 128]</c>.</summary>
    public RopeTable Angles { get; }

    /// <summary>What is computed before the first memory is read: the same for every object of a frame.</summary>
    /// <param name="Stream"><c>[grid * grid, 256]</c>: the frame after the first layer's self-attention.</param>
    /// <param name="Query"><c>[grid * grid, 256]</c>: its rotated queries.</param>
    internal readonly record struct Opening(Tensor Stream, Tensor Query);

    /// <summary>Begins with a frame, whatever objects it will be conditioned on.</summary>
    /// <param name="frame"><c>[grid * grid, 256]</c>.</param>
    /// <param name="positions"><c>[grid * grid, 256]</c>, the frame's sine positions.</param>
    /// <param name="name">Prefix in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <returns>Tensors rented in the caller's scope.</returns>
    public Opening Open(Tensor frame, Tensor positions, string name = "memattn", StageObserver? observe = null)
    {
        using var module = device.Module(Path);
        Tensor stream = device.Rent(frame.Rows, Channels), query = device.Rent(frame.Rows, Channels);
        Elementwise.Add(device, frame, positions, stream, 0.1f);
        layers[0].AttendToSelf(device, stream, Angles, $"{name}.layers.0", observe);
        layers[0].Ask(device, stream, query, Angles, $"{name}.layers.0", observe);
        return new Opening(stream, query);
    }

    /// <summary>Conditions a frame on memories.</summary>
    /// <param name="opening">The frame; not changed.</param>
    /// <param name="memory"><c>[tokens, 64]</c>: spatial memories, then object pointers.</param>
    /// <param name="memoryPositions"><c>[tokens, 64]</c>.</param>
    /// <param name="pointerTokens">How many of the last tokens have no place in the image.</param>
    /// <param name="y"><c>[grid * grid, 256]</c>.</param>
    /// <param name="name">Prefix in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(
        in Opening opening, Tensor memory, Tensor memoryPositions, int pointerTokens, Tensor y,
        string name = "memattn", StageObserver? observe = null)
    {
        using var module = device.Module(Path);
        using var scope = device.Scope();
        Tensor keys = device.Rent(memory.Rows, MemoryChannels), asked = device.Rent(y.Rows, Channels);
        Elementwise.Add(device, memory, memoryPositions, keys);
        device.Copy(opening.Stream, y);
        for (var l = 0; l < layers.Length; l++)
        {
            var (query, layer) = (opening.Query, $"{name}.layers.{l}");
            if (l > 0)
            {
                layers[l].AttendToSelf(device, y, Angles, layer, observe);
                layers[l].Ask(device, y, asked, Angles, layer, observe);
                query = asked;
            }

            layers[l].AttendToMemory(device, y, query, keys, memory, pointerTokens, Angles, layer, observe);
        }

        LayerNorm.Forward(device, y, norm, y);
        observe?.Invoke(name + ".norm", y);
        observe?.Invoke(name + ".out", y);
    }

    private sealed class Layer(ParameterBinder binder, string prefix)
    {
        private readonly NormWeights norm1 = binder.Norm(prefix + ".norm1", Channels, 1e-5f);
        private readonly PackedMatrix selfQkv = binder.Linears(
            [prefix + ".self_attn.q_proj", prefix + ".self_attn.k_proj", prefix + ".self_attn.v_proj"], Channels, Channels);
        private readonly PackedMatrix selfOut = binder.Linear(prefix + ".self_attn.out_proj", Channels, Channels);
        private readonly NormWeights norm2 = binder.Norm(prefix + ".norm2", Channels, 1e-5f);
        private readonly PackedMatrix crossQ = binder.Linear(prefix + ".cross_attn_image.q_proj", Channels, Channels);
        private readonly PackedMatrix crossK = binder.Linear(prefix + ".cross_attn_image.k_proj", Channels, MemoryChannels);
        private readonly PackedMatrix crossV = binder.Linear(prefix + ".cross_attn_image.v_proj", Channels, MemoryChannels);

        private readonly string selfPath = prefix + ".self_attn";
        private readonly string crossPath = prefix + ".cross_attn_image";

        private readonly FeedForwardWeights tail = new(
            binder.Linear(prefix + ".cross_attn_image.out_proj", Channels, Channels),
            binder.Norm(prefix + ".norm3", Channels, 1e-5f),
            binder.Linear(prefix + ".linear1", Hidden, Channels),
            binder.Linear(prefix + ".linear2", Channels, Hidden),
            Activation.Relu);

        /// <summary>x += self-attention of x.</summary>
        public void AttendToSelf(Device device, Tensor x, in RopeTable angles, string name, StageObserver? observe)
        {
            using var module = device.Module(selfPath);
            using var scope = device.Scope();
            var tokens = x.Rows;
            Tensor mixed = device.Rent(tokens, Channels), qkv = device.Rent(tokens, 3 * Channels);
            Tensor q = qkv.SliceColumns(0, Channels), k = qkv.SliceColumns(Channels, Channels), v = qkv.SliceColumns(2 * Channels, Channels);
            Gemm.Forward(device, x, selfQkv, qkv, new GemmFusion { Norm = norm1 });
            if (observe is not null)
            {
                ObserveNorm(device, x, norm1, name + ".norm1", observe);
                observe(name + ".self_attn.q_proj", q);
                observe(name + ".self_attn.k_proj", k);
                observe(name + ".self_attn.v_proj", v);
            }

            Rope.Forward(device, q, angles, tokens);
            Rope.Forward(device, k, angles, tokens);
            Attention.Forward(device, q, k, v, mixed, heads: 1);
            ObserveProjection(device, mixed, selfOut, name + ".self_attn", observe);
            Gemm.Forward(device, mixed, selfOut, x, new GemmFusion { Residual = x });
        }

        /// <summary>What x asks of the memories: its rotated queries.</summary>
        public void Ask(Device device, Tensor x, Tensor query, in RopeTable angles, string name, StageObserver? observe)
        {
            using var module = device.Module(crossPath);
            Gemm.Forward(device, x, crossQ, query, new GemmFusion { Norm = norm2 });
            if (observe is not null)
            {
                ObserveNorm(device, x, norm2, name + ".norm2", observe);
                observe(name + ".cross_attn_image.q_proj", query);
            }

            Rope.Forward(device, query, angles, x.Rows);
        }

        /// <summary>x += what the memories answer; x += feed-forward of x.</summary>
        public void AttendToMemory(
            Device device, Tensor x, Tensor query, Tensor keys, Tensor values, int pointerTokens, in RopeTable angles,
            string name, StageObserver? observe)
        {
            using var module = device.Module(prefix);
            using var scope = device.Scope();
            var tokens = x.Rows;
            Tensor mixed = device.Rent(tokens, Channels), key = device.Rent(keys.Rows, Channels);
            var read = device.Rent(tokens, MemoryChannels);
            using (device.Module(crossPath))
            {
                Gemm.Forward(device, keys, crossK, key);
                if (observe is not null)
                {
                    observe(name + ".cross_attn_image.k_proj", key);
                    ObserveValues(device, values, name, observe);
                }

                Rope.Forward(device, key, angles, keys.Rows - pointerTokens);
                // Weights P of a query sum to 1, so that P (M Wv^T + bv) = (P M) Wv^T + bv: values stay as narrow as the memory M.
                Attention.Forward(device, query, key, values, read, heads: 1);
                Gemm.Forward(device, read, crossV, mixed);
            }

            ObserveProjection(device, mixed, tail.Projection!, name + ".cross_attn_image", observe);
            if (observe is not null) ObserveTail(device, x, mixed, name, observe);
            FeedForward.Forward(device, x, tail, mixed);
            observe?.Invoke(name, x);
        }

        private static void ObserveNorm(Device device, Tensor x, NormWeights norm, string name, StageObserver observe)
        {
            using var scope = device.Scope();
            var normalised = device.Rent(x.Rows, Channels);
            LayerNorm.Forward(device, x, norm, normalised);
            observe(name, normalised);
        }

        /// <summary>The projected values, which nothing else needs.</summary>
        private void ObserveValues(Device device, Tensor values, string name, StageObserver observe)
        {
            using var scope = device.Scope();
            var projected = device.Rent(values.Rows, Channels);
            Gemm.Forward(device, values, crossV, projected);
            observe(name + ".cross_attn_image.v_proj", projected);
        }

        private static void ObserveProjection(Device device, Tensor mixed, PackedMatrix projection, string name, StageObserver? observe)
        {
            if (observe is null) return;
            using var scope = device.Scope();
            var projected = device.Rent(mixed.Rows, Channels);
            Gemm.Forward(device, mixed, projection, projected);
            observe(name + ".out_proj", projected);
            observe(name, projected);
        }

        /// <summary>The fused feed-forward once more, op by op.</summary>
        private void ObserveTail(Device device, Tensor x, Tensor mixed, string name, StageObserver observe)
        {
            using var scope = device.Scope();
            var normalised = device.Rent(x.Rows, Channels);
            Tensor stream = device.Rent(x.Rows, Channels), hidden = device.Rent(x.Rows, Hidden);
            Gemm.Forward(device, mixed, tail.Projection!, stream, new GemmFusion { Residual = x });
            LayerNorm.Forward(device, stream, tail.Norm, normalised);
            observe(name + ".norm3", normalised);
            Gemm.Forward(device, normalised, tail.Expand, hidden);
            observe(name + ".linear1", hidden);
            Elementwise.Map(device, hidden, hidden, Activation.Relu);
            Gemm.Forward(device, hidden, tail.Contract, stream);
            observe(name + ".linear2", stream);
        }
    }
}
