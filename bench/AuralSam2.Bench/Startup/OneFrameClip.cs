using AuralSam2.Bench.Clip;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Startup;

/// <summary>A clip of one frame and a second of sound, and a file of weights by rule, in a folder that goes with this.</summary>
internal sealed class OneFrameClip : IDisposable
{
    private const int SampleRate = 16000;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("aural-startup-");

    /// <summary>Writes the files.</summary>
    /// <param name="model">Size of SAM2.</param>
    public OneFrameClip(string model)
    {
        Directory.CreateDirectory(Frames);
        using var noise = new NoiseClip(frames: 1, width: 640, height: 360);
        PngWriter.WriteRgb(Path.Combine(Frames, "0.png"), noise.Read(0));
        WaveWriter.WritePcm16(Sound, NoiseClip.Sound(seconds: 1, SampleRate));
        WriteWeights(model);
    }

    /// <summary>Folder of the frame.</summary>
    public string Frames => Path.Combine(folder.FullName, "frames");

    /// <summary>The sound.</summary>
    public string Sound => Path.Combine(folder.FullName, "sound.wav");

    /// <summary>A safetensors file of all parameters.</summary>
    public string Weights => Path.Combine(folder.FullName, "weights.safetensors");

    /// <summary>Where a result goes.</summary>
    public string Result => Path.Combine(folder.FullName, "result");

    public void Dispose() => folder.Delete(recursive: true);

    private void WriteWeights(string model)
    {
        var fuser = model == "mini" ? FuserConfig.Mini(FuserVariant.Avs) : FuserConfig.Published(FuserVariant.Avs);
        using var rule = new RuleWeights();
        using var device = new CpuDevice(1);
        var specs = AuralSam2Network.Specification(device, Sam2Config.Named(model, Sam2Version.V20), fuser);
        SafetensorsWriter.Write(Weights, metadata: null, specs.Select(spec => SafetensorsTensor.Of(spec.Name, spec.Shape, () =>
        {
            var values = new float[spec.Shape.Aggregate(1, (product, dim) => product * dim)];
            rule.Read(spec.Name, spec.Shape, values);
            return values;
        })));
    }
}
