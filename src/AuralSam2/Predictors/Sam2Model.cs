using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Predictors;

/// <summary>A loaded SAM2 without hearing. Give it to a predictor; dispose it to free its memory.</summary>
public sealed class Sam2Model : IDisposable
{
    private readonly ParameterBinder binder;

    private Sam2Model(Sam2Config config, ParameterBinder binder, string weights)
    {
        this.binder = binder;
        Network = new Sam2Network(config, binder);
        Weights = weights;
    }

    /// <summary>The size of SAM2: t, s, b+ or l.</summary>
    public string Name => Network.Config.Name;

    /// <summary>SAM2 2.0 or 2.1.</summary>
    public Sam2Version Version => Network.Config.Version;

    /// <summary>Edge of the square that pictures are resized to, in pixels.</summary>
    public int ImageSize => Network.Config.ImageSize;

    /// <summary>Where the weights came from.</summary>
    public string Weights { get; }

    /// <summary>Where it runs.</summary>
    public Device Device => binder.Device;

    internal Sam2Network Network { get; }

    /// <summary>Loads a model from files.</summary>
    /// <param name="device">Where it will run; must outlive the model.</param>
    /// <param name="weightFiles">SAM2's checkpoint, or files of a whole AuralSAM2, of which the rest is left out.</param>
    /// <param name="model">Size of SAM2; null takes what the weights are of.</param>
    /// <param name="progress">Share of the weights that is loaded, 0 to 1.</param>
    /// <exception cref="WeightsException">A file cannot be read, there is no SAM2 in it, or it is of another size.</exception>
    public static Sam2Model Load(Device device, IReadOnlyList<string> weightFiles, string? model = null, IProgress<double>? progress = null)
    {
        using var weights = WeightSet.Open(weightFiles);
        if (!weights.Kind.Parts.HasFlag(WeightParts.Sam2))
            throw new WeightsException($"{weights.Description}: {weights.Kind.Title} holds no SAM2; give its file (such as sam2.1_hiera_tiny.pt) as well");
        return Load(device, model ?? weights.Kind.Model ?? throw new WeightsException($"{weights.Description}: {weights.Kind.Misfit}"), weights, progress);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="device">Where it will run; must outlive the model.</param>
    /// <param name="model">Size of SAM2: t, s, b+ or l (mini: the fixtures' own).</param>
    /// <param name="weights">SAM2's parameters under their official names; read once, may be disposed afterwards.</param>
    /// <param name="progress">Share of the weights that is loaded, 0 to 1.</param>
    /// <param name="imageSize">Edge of the input square; null takes 1024 (mini 128). A multiple of 32.</param>
    /// <exception cref="ArgumentException">An unknown size.</exception>
    /// <exception cref="WeightsException">Tensors are missing or misshapen: all are listed.</exception>
    public static Sam2Model Load(Device device, string model, IWeightSource weights, IProgress<double>? progress = null, int? imageSize = null)
    {
        var version = weights.Names.Contains("no_obj_embed_spatial") ? Sam2Version.V21 : Sam2Version.V20;
        return Load(device, Sam2Config.Named(model, version, imageSize), weights, progress);
    }

    /// <summary>Loads a model of any configuration.</summary>
    internal static Sam2Model Load(Device device, Sam2Config config, IWeightSource weights, IProgress<double>? progress = null)
    {
        var declaring = WeightReader.ForDeclaring();
        _ = new Sam2Network(config, new ParameterBinder(device, declaring));
        WeightCheck.Verify(weights, declaring.Declared, name => KeyMap.PartOf(name) != WeightParts.Sam2);
        var total = (double)declaring.ElementsDeclared;
        var binder = new ParameterBinder(device, new WeightReader(weights)
        {
            Progress = progress is null ? null : new Share(progress, total),
        });
        try
        {
            return new Sam2Model(config, binder, weights.Description);
        }
        catch
        {
            binder.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => binder.Dispose();

    private sealed class Share(IProgress<double> progress, double total) : IProgress<long>
    {
        public void Report(long value) => progress.Report(Math.Min(1, value / total));
    }
}
