using System.Reflection;
using System.Text.RegularExpressions;
using AuralSam2.Kernels.Simt;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>What can be proven about the CUDA form of every kernel without a GPU.</summary>
public sealed partial class PtxTests
{
    public static TheoryData<string, string> KernelsAndArchitectures()
    {
        var data = new TheoryData<string, string>();
        foreach (var kernel in GpuKernel.All)
            foreach (var architecture in PtxCompiler.Architectures.Keys) data.Add(kernel.Name, architecture);
        return data;
    }

    /// <summary>Multiply-adds in the text of kernels that unroll their inner loops by hand: blocks of sums in registers times steps.</summary>
    private static readonly Dictionary<string, int> LeastMultiplyAdds = new()
    {
        ["GemmMultiply"] = 64,
        ["Attend64"] = 4 * (64 + 64), // scores and outputs, four steps at a time
        ["Attend96"] = 4 * (64 + 96),
        ["Attend256"] = 4 * (32 + 128),
        ["WindowAttend64"] = 4 * (64 + 64),
        ["WindowAttend96"] = 4 * (64 + 96),
        ["WindowAttend256"] = 4 * (32 + 128),
    };

    [Theory, MemberData(nameof(KernelsAndArchitectures))]
    public void CompilesWithoutLocalMemoryAndWithinSharedMemory(string name, string architecture)
    {
        var kernel = GpuKernel.All.Single(k => k.Name == name);
        var ptx = PtxCompiler.Compile(kernel, PtxCompiler.Architectures[architecture]);
        // To read what a kernel became, or to hand it to ptxas.
        if (Environment.GetEnvironmentVariable("AURAL_PTX_OUT") is { Length: > 0 } folder)
            File.WriteAllText(Path.Combine(folder, $"{name}.{architecture}.ptx"), ptx);

        Assert.Equal($"Kernel_{name}", Assert.Single(Entry().Matches(ptx)).Groups["name"].Value);
        Assert.DoesNotContain("__local_depot", ptx);
        Assert.DoesNotContain(".local", ptx);
        var declared = StaticShared().Matches(ptx).Sum(m => int.Parse(m.Groups["bytes"].Value));
        Assert.InRange(declared + (kernel.MaxSharedFloats * sizeof(float)), 0, 48 * 1024);
        // Shared memory reached through generic addresses would be slower: ILGPU has to know what it is.
        Assert.Equal(kernel.MaxSharedFloats > 0, ptx.Contains("ld.shared", StringComparison.Ordinal));
        Assert.DoesNotMatch(GenericAccess(), ptx);
        // These answer a NaN with the other operand.
        Assert.DoesNotMatch(DropsNaN(), ptx);
        if (LeastMultiplyAdds.TryGetValue(name, out var least)) Assert.InRange(MultiplyAdds(ptx), least, int.MaxValue);
    }

    /// <summary>A kernel that is not in the list would be compiled by no test.</summary>
    [Fact]
    public void ListHoldsEveryKernel()
    {
        var rooms = typeof(GpuKernel).Assembly.GetTypes().Where(t => t is { IsAbstract: true, IsSealed: true } && t.Name.EndsWith("Gpu", StringComparison.Ordinal)).ToArray();
        var declared = typeof(GpuKernel).Assembly.GetTypes()
            .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(f => !f.DeclaringType!.ContainsGenericParameters && f.FieldType.IsAssignableTo(typeof(GpuKernel)))
            .ToArray();

        Assert.All(rooms, room => Assert.Contains(declared, f => f.DeclaringType == room));
        Assert.Equal(declared.Select(f => ((GpuKernel)f.GetValue(null)!).Name).Order(), GpuKernel.All.Select(k => k.Name).Order());
        Assert.Distinct(GpuKernel.All.Select(k => k.Name));
    }

    [GeneratedRegex(@"\.visible\s+\.entry\s+(?<name>\w+)\(")]
    private static partial Regex Entry();

    [GeneratedRegex(@"\.shared\s+\.align\s+\d+\s+\.b8\s+\w+\[(?<bytes>\d+)\]")]
    private static partial Regex StaticShared();

    [GeneratedRegex(@"\b(ld|st)\.(v[24]\.)?f32")]
    private static partial Regex GenericAccess();

    [GeneratedRegex(@"\b(max|min)\.(ftz\.)?f(32|64)")]
    private static partial Regex DropsNaN();

    /// <summary>
    /// Products that are added to something: ILGPU writes two instructions without a rounding mode, which tells ptxas to fuse them
    /// (<c>mul.rn</c> would forbid it).
    /// </summary>
    private static int MultiplyAdds(string ptx)
    {
        var products = Product().Matches(ptx).Select(m => m.Groups["product"].Value).ToHashSet();
        return Sum().Matches(ptx).Count(m => products.Contains(m.Groups["a"].Value) || products.Contains(m.Groups["b"].Value));
    }

    [GeneratedRegex(@"\bmul\.f32\s+(?<product>%f\d+),")]
    private static partial Regex Product();

    [GeneratedRegex(@"\badd\.f32\s+%f\d+, (?<a>%f\d+), (?<b>%f\d+);")]
    private static partial Regex Sum();
}
