using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Loading;

/// <summary>
/// The largest model as people have it, with numbers by rule: SAM2 l, VGGish and AuralFuser (AVS) as three checkpoints of torch.save and
/// as one safetensors file, 1.4 GB each way.
/// </summary>
internal sealed class LoadingFiles
{
    private const string Model = "l";

    private readonly string folder;
    private readonly List<ParameterSpec> parameters;

    private LoadingFiles(string folder)
    {
        this.folder = folder;
        var declaring = WeightReader.ForDeclaring();
        using var device = new CpuDevice(1);
        using var binder = new ParameterBinder(device, declaring);
        var sam2 = Sam2Config.Named(Model);
        _ = new Sam2Network(sam2, binder);
        _ = new AuralFuser(FuserConfig.Published(FuserVariant.Avs), sam2.Grid, binder);
        parameters = [.. declaring.Declared];
    }

    /// <summary>Bytes of all numbers.</summary>
    public long TensorBytes => parameters.Sum(parameter => Elements(parameter) * sizeof(float));

    /// <summary>All in one.</summary>
    public string Safetensors => Path.Combine(folder, "auralsam2_l.safetensors");

    /// <summary>SAM2 alone, 0.9 GB.</summary>
    public string Sam2 => Path.Combine(folder, "sam2_hiera_large.pt");

    /// <summary>SAM2, VGGish and AuralFuser.</summary>
    public IReadOnlyList<string> Checkpoints => [Sam2, Path.Combine(folder, "vggish.pth"), Path.Combine(folder, "auralsam2_avs.pth")];

    /// <summary>Writes the files that are not there yet.</summary>
    public static LoadingFiles In(string folder)
    {
        Directory.CreateDirectory(folder);
        var files = new LoadingFiles(folder);
        using var rule = new RuleWeights();
        WeightParts[] parts = [WeightParts.Sam2, WeightParts.Vggish, WeightParts.Fuser];
        foreach (var (path, part) in files.Checkpoints.Zip(parts))
        {
            if (File.Exists(path)) continue;
            Console.Error.WriteLine($"writing {path} ...");
            TorchFile.Write(path, [.. files.parameters.Where(parameter => KeyMap.PartOf(parameter.Name) == part)], rule);
        }

        if (!File.Exists(files.Safetensors))
        {
            Console.Error.WriteLine($"writing {files.Safetensors} ...");
            using var set = WeightSet.Open(files.Checkpoints);
            SafetensorsWriter.Write(files.Safetensors, null, set.ToSafetensors());
        }

        return files;
    }

    /// <summary>Reads the files once, so that what follows finds them in the page cache.</summary>
    public void Warm()
    {
        var buffer = new byte[1 << 20];
        foreach (var path in (string[])[.. Checkpoints, Safetensors])
        {
            using var file = File.OpenRead(path);
            while (file.Read(buffer) > 0)
            {
            }
        }
    }

    /// <summary>The whole model on a device.</summary>
    public static AuralSam2Network Load(Device device, IWeightSource weights) =>
        AuralSam2Network.Load(device, Sam2Config.Named(Model), FuserConfig.Published(FuserVariant.Avs), weights);

    private static long Elements(ParameterSpec parameter) => parameter.Shape.Aggregate(1L, (product, dimension) => product * dimension);
}
