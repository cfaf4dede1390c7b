using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Predictors;

/// <summary>A loaded model: the front door of the library. Give it to a predictor; dispose it to free its memory.</summary>
public sealed class AuralSam2Model : IDisposable
{
    private AuralSam2Model(AuralSam2Network network, string weights)
    {
        Network = network;
        Weights = weights;
    }

    /// <summary>The size of SAM2: t, s, b+ or l.</summary>
    public string Name => Network.Sam2.Config.Name;

    /// <summary>SAM2 2.0 or 2.1.</summary>
    public Sam2Version Version => Network.Sam2.Config.Version;

    /// <summary>With or without language.</summary>
    public FuserVariant Variant => Network.FuserConfig.Variant;

    /// <summary>Edge of the square that frames are resized to, in pixels.</summary>
    public int ImageSize => Network.Sam2.Config.ImageSize;

    /// <summary>Where the weights came from.</summary>
    public string Weights { get; }

    /// <summary>Where it runs.</summary>
    public Device Device => Network.Device;

    internal AuralSam2Network Network { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="device">Where it will run; must outlive the model.</param>
    /// <param name="model">Size of SAM2: t, s, b+ or l (mini: the fixtures' own).</param>
    /// <param name="weights">All parameters under their official names; read once, may be disposed afterwards. Release (2.0 or 2.1) and
    /// variant (AVS or Ref) are recognised from the names.</param>
    /// <param name="progress">Share of the weights that is loaded, 0 to 1.</param>
    /// <param name="imageSize">Edge of the input square; null takes 1024 (mini 128). A multiple of 32.</param>
    /// <exception cref="ArgumentException">An unknown size.</exception>
    /// <exception cref="WeightsException">Tensors are missing, unexpected or misshapen: all are listed.</exception>
    public static AuralSam2Model Load(Device device, string model, IWeightSource weights, IProgress<double>? progress = null, int? imageSize = null)
    {
        var (sam2, fuser) = AuralSam2Network.ShapeOf(model, weights, imageSize);
        return new AuralSam2Model(AuralSam2Network.Load(device, sam2, fuser, weights, progress), weights.Description);
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();
}
