using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>
/// One block of the trunk (SPEC 1.1): norm, attention in windows or over the image, projection, norm, two layers. The first block of a
/// stage also pools: queries within their window, the residual after a projection of its own.
/// </summary>
internal sealed class HieraBlock
{
    private const int MinBandTokens = 8192;
    private const int BandTokensPerThread = 4096;

    private readonly Device device;
    private readonly string path;
    private readonly string attentionPath;
    private readonly string mlpPath;
    private readonly int heads;
    private readonly int window;
    private readonly int channels;
    private readonly NormWeights norm1;
    private readonly PackedMatrix qkv;
    private readonly Tensor paddingToken;
    private readonly PackedMatrix? residualProjection;
    private readonly FeedForwardWeights tail;

    /// <summary>Reads the block.</summary>
    /// <param name="binder">Parameters.</param>
    /// <param name="prefix">Name of the block.</param>
    /// <param name="inputs">Channels that come in.</param>
    /// <param name="channels">Channels that go out.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="window">Window edge; 0 for the whole image.</param>
    /// <param name="pools">Whether the block halves the image.</param>
    public HieraBlock(ParameterBinder binder, string prefix, int inputs, int channels, int heads, int window, bool pools)
    {
        device = binder.Device;
        (path, attentionPath, mlpPath) = (prefix, prefix + ".attn", prefix + ".mlp");
        this.heads = heads;
        this.window = window;
        this.channels = channels;
        norm1 = binder.Norm(prefix + ".norm1", inputs, 1e-6f);
        qkv = binder.Linear(prefix + ".attn.qkv", 3 * channels, inputs);
        // Padding is added after norm1, as zeros: the qkv of a padding token is the bias.
        paddingToken = binder.Tensor(prefix + ".attn.qkv.bias", 3 * channels);
        var projection = binder.Linear(prefix + ".attn.proj", channels, channels);
        var norm2 = binder.Norm(prefix + ".norm2", channels, 1e-6f);
        tail = new FeedForwardWeights(
            projection, norm2, binder.Linear(prefix + ".mlp.layers.0", 4 * channels, channels),
            binder.Linear(prefix + ".mlp.layers.1", channels, 4 * channels), Activation.Gelu);
        if (pools) residualProjection = binder.Linear(prefix + ".proj", channels, inputs);
        Pools = pools;
    }

    /// <summary>Whether the block halves the image.</summary>
    public bool Pools { get; }

    /// <summary>Runs the block.</summary>
    /// <param name="x"><c>[h, w, inputs]</c>.</param>
    /// <param name="y"><c>[h, w, channels]</c>, or half the size where the block pools; x itself where it does not.</param>
    /// <param name="name">Name of the block in fixtures.</param>
    /// <param name="observe">Sees what lies inside the fused ops too; they are then computed a second time, unfused.</param>
    public void Forward(Tensor x, Tensor y, string name, StageObserver? observe)
    {
        using var module = device.Module(path);
        // Windows do not see each other, so the image is worked off in bands of whole window rows: q, k and v of a band stay in cache
        // between the product that makes them and the attention that reads them, and take a fraction of the memory.
        var height = x.Shape[0];
        var rows = observe is null ? BandRows(height, x.Shape[1]) : height;
        for (var top = 0; top < height; top += rows)
        {
            var count = Math.Min(rows, height - top);
            Band(x.Slice(top, count), Pools ? y.Slice(top / 2, count / 2) : y.Slice(top, count), name, observe);
        }
    }

    private void Band(Tensor x, Tensor y, string name, StageObserver? observe)
    {
        using var scope = device.Scope();
        var (height, width) = (x.Shape[0], x.Shape[1]);
        var fused = device.Rent(height * width, 3 * channels);
        using (device.Module(attentionPath)) Gemm.Forward(device, x, qkv, fused, new GemmFusion { Norm = norm1 });
        if (observe is not null)
        {
            var normalised = device.Rent(height, width, x.Columns);
            LayerNorm.Forward(device, x, norm1, normalised);
            observe(name + ".norm1", normalised);
            observe(name + ".attn.qkv", fused.Reshape(height, width, 3 * channels), StageLayout.Windows, window);
        }

        if (residualProjection is not null)
        {
            using var poolScope = device.Scope();
            var wide = device.Rent(height, width, channels);
            Gemm.Forward(device, x, residualProjection, wide, new GemmFusion { Norm = norm1 });
            MaxPool2x2.Forward(device, wide, y);
            observe?.Invoke(name + ".proj", wide);
            observe?.Invoke(name + ".pool", y, StageLayout.Map);
        }

        var attention = device.Rent(y.Rows, channels);
        using (device.Module(attentionPath)) Attend(fused, attention, height, width);
        if (observe is not null) ObserveInside(fused, attention, y, name, observe);
        using (device.Module(mlpPath)) FeedForward.Forward(device, y, tail, attention); // attn.proj is its first step
    }

    private void Attend(Tensor fused, Tensor y, int height, int width)
    {
        if (window == 0)
            Attention.Forward(
                device, fused.SliceColumns(0, channels), fused.SliceColumns(channels, channels), fused.SliceColumns(2 * channels, channels), y, heads);
        else
            WindowAttention.Forward(device, fused, paddingToken, y, new WindowGrid(height, width, window, heads, Pools));
    }

    /// <summary>Rows of a band: whole windows, bands of one size, and enough tokens in each to keep every thread busy.</summary>
    private int BandRows(int height, int width)
    {
        if (window == 0) return height;
        var down = (height + window - 1) / window;
        var bands = Math.Clamp(height * width / Math.Max(MinBandTokens, device.Parallelism * BandTokensPerThread), 1, down);
        return (down + bands - 1) / bands * window;
    }

    private void ObserveInside(Tensor fused, Tensor attention, Tensor y, string name, StageObserver observe)
    {
        using var scope = device.Scope();
        var (height, width) = (y.Shape[0], y.Shape[1]);
        var edge = Pools ? window / 2 : window;
        if (Pools)
        {
            var queries = device.Rent(2 * height, 2 * width, channels);
            var pooled = device.Rent(height, width, channels);
            device.Copy(fused.SliceColumns(0, channels), queries);
            MaxPool2x2.Forward(device, queries, pooled);
            observe(name + ".pool#1", pooled, StageLayout.WindowMaps, edge);
        }

        Tensor projected = device.Rent(height, width, channels),
            stream = device.Rent(height, width, channels), normalised = device.Rent(height, width, channels);
        var hidden = device.Rent(height, width, 4 * channels);
        Gemm.Forward(device, attention, tail.Projection!, projected);
        observe(name + ".attn.proj", projected, StageLayout.Windows, edge);
        observe(name + ".attn", projected, StageLayout.Windows, edge);
        Elementwise.Add(device, y, projected, stream);
        LayerNorm.Forward(device, stream, tail.Norm, normalised);
        observe(name + ".norm2", normalised);
        Gemm.Forward(device, normalised, tail.Expand, hidden);
        observe(name + ".mlp.layers.0", hidden);
        Elementwise.Map(device, hidden, hidden, Activation.Gelu);
        observe(name + ".mlp.act", hidden);
        Gemm.Forward(device, hidden, tail.Contract, normalised);
        observe(name + ".mlp.layers.1", normalised);
        observe(name + ".mlp", normalised);
    }
}
