using AuralSam2.Kernels;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Models;

/// <summary>SAM2 and AuralFuser with their parameters on a device.</summary>
internal sealed class AuralSam2Network : IDisposable
{
    private readonly ParameterBinder binder;

    private AuralSam2Network(Sam2Config sam2, FuserConfig fuser, ParameterBinder binder)
    {
        this.binder = binder;
        Sam2 = new Sam2Network(sam2, binder);
        Fuser = new AuralFuser(fuser, sam2.Grid, binder);
        FuserConfig = fuser;
    }

    public Sam2Network Sam2 { get; }

    public AuralFuser Fuser { get; }

    public FuserConfig FuserConfig { get; }

    /// <summary>Parameters that are learned; none unless the network was loaded for that.</summary>
    public ParameterBinder Parameters => binder;

    public Device Device => binder.Device;

    /// <summary>The shapes of both models, told by the model's name and the names of the weights.</summary>
    /// <exception cref="ArgumentException">An unknown model.</exception>
    public static (Sam2Config Sam2, FuserConfig Fuser) ShapeOf(string model, IWeightSource weights, int? imageSize)
    {
        var version = weights.Names.Contains("no_obj_embed_spatial") ? Sam2Version.V21 : Sam2Version.V20;
        var variant = weights.Names.Any(n => n.StartsWith("aural_fuser.text_proj.", StringComparison.Ordinal)) ? FuserVariant.Ref : FuserVariant.Avs;
        return (Sam2Config.Named(model, version, imageSize), model == "mini" ? FuserConfig.Mini(variant) : FuserConfig.Published(variant));
    }

    /// <summary>Every parameter that the model wants, in the order in which it reads them.</summary>
    public static IReadOnlyList<ParameterSpec> Specification(Device device, Sam2Config sam2, FuserConfig fuser)
    {
        var declaring = WeightReader.ForDeclaring();
        _ = new AuralSam2Network(sam2, fuser, new ParameterBinder(device, declaring));
        return declaring.Declared;
    }

    /// <summary>Checks the weights against what the model needs, then loads them.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="sam2">Shape of SAM2.</param>
    /// <param name="fuser">Shape of the fuser.</param>
    /// <param name="weights">All parameters under their official names.</param>
    /// <param name="progress">Share of the weights that is loaded.</param>
    /// <param name="isLearned">Tells by a parameter's official name whether it is learned; null: none is.</param>
    /// <exception cref="WeightsException">Tensors are missing, unexpected or misshapen; the message lists all of them.</exception>
    public static AuralSam2Network Load(
        Device device, Sam2Config sam2, FuserConfig fuser, IWeightSource weights, IProgress<double>? progress = null, Func<string, bool>? isLearned = null)
    {
        var declaring = WeightReader.ForDeclaring();
        _ = new AuralSam2Network(sam2, fuser, new ParameterBinder(device, declaring));
        WeightCheck.Verify(weights, declaring.Declared, IsOfAnotherPart);
        var reader = new WeightReader(weights) { Progress = progress is null ? null : new Share(progress, declaring.ElementsDeclared) };
        var binder = new ParameterBinder(device, reader, isLearned);
        try
        {
            return new AuralSam2Network(sam2, fuser, binder);
        }
        catch
        {
            binder.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => binder.Dispose();

    /// <summary>Tensors of a full checkpoint that segmentation does without: the text encoder.</summary>
    private static bool IsOfAnotherPart(string name) => name.StartsWith("t_model.", StringComparison.Ordinal);

    private sealed class Share(IProgress<double> progress, double total) : IProgress<long>
    {
        public void Report(long value) => progress.Report(Math.Min(1, value / total));
    }
}
