using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Training;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests;

public sealed class TempDebugTests
{
    [Theory]
    [InlineData("fusion_modules.2.norm_layer.bias", 1)]
    [InlineData("fusion_modules.2.norm_layer2.bias", 1)]
    [InlineData("fusion_modules.2.norm_layer.bias", 0)]
    [InlineData("fusion_modules.2.norm_layer.bias", 2)]
    public void Finite(string name, int only)
    {
        using var device = new CpuDevice(2);
        var (sam2, fuser) = (Sam2Config.Named("mini", Sam2Version.V20, null), FuserConfig.Mini(FuserVariant.Avs));
        var network = AuralSam2Network.Load(device, sam2, fuser, new RuleWeights(), null, FuserLearner.IsLearned(false));
        using var learner = new FuserLearner(network, 0, AudioConForm.None);
        using var scope = device.Scope();
        var room = learner.Room(3);
        for (var t = 0; t < 3; t++)
        {
            using var s = device.Scope();
            var image = device.Rent(128, 128, 3);
            var v = new float[image.Length];
            RuleTensor.Fill("", $"im{t}", 0, 2, v);
            device.Upload(v, image);
            room.Encode(t, image);
        }
        var examples = device.Rent(3, 2, 96, 64);
        var e = new float[examples.Length];
        RuleTensor.Fill("", "ex", 0, 3, e);
        device.Upload(e, examples);
        var labels = new byte[]?[3];
        labels[only] = new byte[128 * 128];
        for (var i = 0; i < 4000; i++) labels[only]![i + 3000] = 1;
        double Loss() { learner.ZeroGradients(); return learner.Learn(room, examples, default, labels, c => [.. Enumerable.Range(0, c)], 1).Total; }
        var p = learner.Parameters.Single(q => q.Name.EndsWith(name));
        var l0 = Loss();
        var g = device.Download(learner.Gradient(p));
        var value = device.Download(p.Value);
        var text = $"{name} only {only} loss {l0}\n";
        foreach (var k in (int[])[0, 7, 100, 200])
        {
            var h = 2e-3f;
            var c = (float[])value.Clone();
            c[k] += h; device.Upload(c, p.Value); learner.Refresh(); var up = Loss();
            c[k] -= 2 * h; device.Upload(c, p.Value); learner.Refresh(); var down = Loss();
            device.Upload(value, p.Value); learner.Refresh();
            text += $"  {k}: tape {g[k]:g6} fd {(up - down) / (2 * h):g6}\n";
        }
        File.AppendAllText("/tmp/debug.txt", text);
    }
}
