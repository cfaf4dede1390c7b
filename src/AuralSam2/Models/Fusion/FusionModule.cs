using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Fusion;

/// <summary>
/// Image and sound read each other (SPEC 10): a reworked TPAVI in "dot" mode, without softmax, all frames and all audio tokens at once.
/// </summary>
/// <remarks>
/// The published code reinterprets channel-first maps as matrices without permuting them; released weights were trained with it, so it is
/// reproduced: <c>[frames, 128, cells]</c> in memory order is read as <c>[frames * cells, 128]</c>.
/// </remarks>
internal sealed class FusionModule
{
    private const int Channels = AuralFuser.Channels;
    private const int Inner = 128;

    private readonly Device device;
    private readonly string path;
    private readonly PackedMatrix align;
    private readonly PackedMatrix frameQkv;
    private readonly PackedMatrix audioQkv;
    private readonly PointwiseBatchNorm frameOut;
    private readonly PointwiseBatchNorm audioOut;
    private readonly NormWeights frameNorm;
    private readonly NormWeights audioNorm;

    public FusionModule(ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        path = prefix;
        align = binder.Pointwise(prefix + ".align_channel", Channels, Channels, ones: 1);
        frameQkv = binder.Linears([prefix + ".q_frame", prefix + ".k_frame", prefix + ".v_frame"], Inner, Channels, ones: 3);
        audioQkv = binder.Linears([prefix + ".q_audio", prefix + ".k_audio", prefix + ".v_audio"], Inner, Channels, ones: 1);
        frameOut = binder.PointwiseBatchNorm(prefix + ".W_z.0", prefix + ".W_z.1", Channels, Inner, ones: 3);
        audioOut = binder.PointwiseBatchNorm(prefix + ".W_z2.0", prefix + ".W_z2.1", Channels, Inner, ones: 1);
        frameNorm = binder.Norm(prefix + ".norm_layer", Channels, 1e-5f);
        audioNorm = binder.Norm(prefix + ".norm_layer2", Channels, 1e-5f);
        binder.UnusedPair(prefix + ".align_channel_back", Inner, Channels, 1);
        binder.UnusedPair(prefix + ".g", Inner, Channels, 1, 1, 1);
    }

    /// <summary>Fuses.</summary>
    /// <param name="frames"><c>[frames, cells, 256]</c>; updated.</param>
    /// <param name="audio"><c>[audio tokens, 256]</c>; updated.</param>
    /// <param name="level">Level, for the names of stages.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <param name="frameResidual">Receives the W_z output <c>[frames, cells, 256]</c> when not empty (Ref-AVS contrasts it).</param>
    public void Forward(Tensor frames, Tensor audio, int level, StageObserver? observe, Tensor frameResidual)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        var (count, cells, tokens) = (frames.Shape[0], frames.Shape[1], audio.Rows);
        var pixels = count * cells;
        var scale = 1f / pixels;

        // Queries, keys, values of the image, turned channel-first, then read as rows of 128.
        Tensor channelLast = device.Rent(count, cells, 3 * Inner),
            channelFirst = device.Rent(3, pixels, Inner), one = device.Rent(count, cells, Inner);
        Gemm.Forward(device, frames, frameQkv, channelLast);
        for (var i = 0; i < 3; i++)
        {
            device.Copy(channelLast.SliceColumns(i * Inner, Inner), one);
            Transpose.Forward(device, one, channelFirst.At(i).Reshape(count, Inner, cells));
        }

        Tensor aligned = device.Rent(tokens, Channels), audioRows = device.Rent(tokens, 3 * Inner);
        Gemm.Forward(device, audio, align, aligned);
        Gemm.Forward(device, aligned, audioQkv, audioRows);
        Tensor audioQ = audioRows.SliceColumns(0, Inner),
            audioK = audioRows.SliceColumns(Inner, Inner), audioV = audioRows.SliceColumns(2 * Inner, Inner);

        // Image reads sound. The result is turned, reinterpreted as [frames, 128, cells], and turned back to channel-last.
        Tensor read = device.Rent(pixels, Inner), turned = device.Rent(Inner, pixels);
        DotProductFusion.Forward(device, channelFirst.At(0), audioK, audioV, read, scale);
        Transpose.Forward(device, read, turned);
        Transpose.Forward(device, turned.Reshape(count, Inner, cells), one);
        var residual = frameResidual.IsEmpty ? device.Rent(count, cells, Channels) : frameResidual;
        frameOut.Forward(device, one, residual);
        observe?.Invoke($"fuser.l{level}.frame_attn", residual.Reshape(count, cells, 1, Channels), StageLayout.Map);

        // Sound reads image.
        Tensor heard = device.Rent(tokens, Inner), heardTurned = device.Rent(Inner, tokens), audioResidual = device.Rent(tokens, Channels);
        DotProductFusion.Forward(device, audioQ, channelFirst.At(1), channelFirst.At(2), heard, scale);
        Transpose.Forward(device, heard, heardTurned);
        audioOut.Forward(device, heardTurned.Reshape(tokens, Inner), audioResidual);
        observe?.Invoke($"fuser.l{level}.audio_attn", audioResidual);

        LayerNorm.Forward(device, frames, frameNorm, frames, add: residual);
        LayerNorm.Forward(device, aligned, audioNorm, audio, add: audioResidual);
        observe?.Invoke($"fuser.l{level}.fuse_frame", frames);
        observe?.Invoke($"fuser.l{level}.fuse_audio", audio);
    }
}
