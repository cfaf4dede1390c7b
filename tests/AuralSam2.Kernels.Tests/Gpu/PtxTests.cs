using System.Reflection;
using System.Text.RegularExpressions;
using AuralSam2.Bench.Compiled;
using AuralSam2.Kernels.Ops;
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
        // A division of 64-bit numbers is a call of a hundred instructions.
        Assert.DoesNotMatch(LongDivision(), ptx);
    }

    /// <summary>128-bit accesses of global memory, where tensors are aligned: what kernels that are bound by memory promise.</summary>
    [Theory]
    [InlineData("CopyRows", 1, 1)]
    [InlineData("FillRows", 0, 1)]
    [InlineData("ElementwiseAdd", 2, 1)]
    [InlineData("ElementwiseMap", 1, 1)]
    [InlineData("ElementwiseThreshold", 1, 1)]
    [InlineData("DepthwiseConvolve", 16, 1)] // bias, eleven pixels, four taps
    [InlineData("MaxPool2x2Pixels", 4, 1)]
    [InlineData("Upsample2xAdd", 5, 4)]
    [InlineData("TransposeTiles", 1, 1)]
    [InlineData("RopeRotate", 4, 2)]
    [InlineData("L2NormalizeRows", 3, 2)]
    [InlineData("MaskProductDots", 8, 0)] // masks are planar
    [InlineData("ResizeAntialiased", 4, 0)]
    [InlineData("SelectBest", 1, 1)]
    [InlineData("SelectWhere", 2, 1)]
    public void MovesQuads(string name, int loads, int stores)
    {
        var ptx = PtxCompiler.Compile(GpuKernel.All.Single(k => k.Name == name), PtxCompiler.Architectures["sm_90"]);
        Assert.Equal((loads, stores), (QuadLoad().Count(ptx), QuadStore().Count(ptx)));
    }

    /// <summary>What makes a product fast: steps written out, 128-bit reads only, and registers for two groups on a multiprocessor.</summary>
    /// <param name="name">A kernel that multiplies tiles.</param>
    /// <param name="steps">Inputs that a thread multiplies between two barriers.</param>
    [Theory, InlineData("GemmMultiply", 8), InlineData("GemmMultiplyParts", 4), InlineData("GemmMultiplyScalars", 8)]
    [InlineData("ConvMultiply", 8), InlineData("ConvMultiplyParts", 4), InlineData("ConvMultiplyScalars", 8)]
    public void TilesMultiplyWithoutDetours(string name, int steps)
    {
        var ptx = PtxCompiler.Compile(GpuKernel.All.Single(k => k.Name == name), PtxCompiler.Architectures["sm_90"]);
        Assert.InRange(MultiplyAdd().Count(ptx), steps * 64, int.MaxValue);
        Assert.InRange(Regex.Count(ptx, @"ld\.shared\.v4\.f32"), steps * 4, int.MaxValue);
        Assert.DoesNotContain("ld.shared.f32", ptx);
        // Residuals of ragged rows, and left operands that are read float by float.
        Assert.InRange(Regex.Count(ptx, @"ld\.global\.f32"), 0, name.EndsWith("Scalars", StringComparison.Ordinal) ? 16 : 4);
        Assert.Contains("st.global.v4.f32", ptx);
        Assert.Contains(".minnctapersm 2", ptx);
    }

    /// <summary>The kernels for few rows wait for memory: whole quads of x and of the weight, with nothing shared on the way.</summary>
    [Fact]
    public void FewRowsReadQuads()
    {
        var ptx = PtxCompiler.Compile(GemmGpu.FewRowsKernel, PtxCompiler.Architectures["sm_90"]);
        Assert.InRange(MultiplyAdd().Count(ptx), 8 * 4 * 4, int.MaxValue);
        Assert.InRange(Regex.Count(ptx, @"ld\.global\.v4\.f32"), 8 + 4, int.MaxValue);
        Assert.DoesNotContain("ld.shared.f32", ptx);
    }

    [Fact]
    public void LayerNormShuffles()
    {
        var ptx = PtxCompiler.Compile(LayerNormGpu.Kernel, PtxCompiler.Architectures["sm_90"]);
        Assert.Contains("shfl.sync.bfly", ptx);
        Assert.Contains("ld.global.v4.f32", ptx);
        Assert.Contains("st.global.v4.f32", ptx);
        Assert.DoesNotContain("bar.sync", ptx);
    }

    /// <summary>A kernel that is not in the list would be compiled by no test.</summary>
    [Fact]
    public void ListHoldsEveryKernel()
    {
        const BindingFlags all = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var types = typeof(GpuKernel).Assembly.GetTypes();
        var bodies = types.SelectMany(t => t.GetMethods(all)).Where(LooksLikeAKernel);
        var declared = types.SelectMany(t => t.GetFields(all))
            .Where(f => !f.DeclaringType!.ContainsGenericParameters && f.FieldType.IsAssignableTo(typeof(GpuKernel)));

        Assert.Equal(bodies.Select(m => m.Name).Order(), GpuKernel.All.Select(k => k.Name).Order());
        Assert.Equal(declared.Select(f => ((GpuKernel)f.GetValue(null)!).Name).Order(), GpuKernel.All.Select(k => k.Name).Order());
        Assert.Distinct(GpuKernel.All.Select(k => k.Name));
    }

    /// <summary>Sixteen chains, eight steps in a turn of the loop; what ptxas makes of them is another test's.</summary>
    [Fact]
    public void ThePeakIsOfMultiplyAdds() =>
        Assert.Equal(16 * 8, MultiplyAdd().Count(PtxCompiler.Compile(GpuPeak.FmaKernel, PtxCompiler.Architectures["sm_90"])));

    /// <summary>A method that could be launched: it takes one struct of arguments and returns nothing.</summary>
    private static bool LooksLikeAKernel(MethodInfo method) =>
        !method.IsGenericMethod && method.ReturnType == typeof(void) &&
        method.GetParameters() is [{ ParameterType: { IsValueType: true } type }] && type.Name.Contains("Arguments", StringComparison.Ordinal);

    [GeneratedRegex(@"\.visible\s+\.entry\s+(?<name>\w+)\(")]
    private static partial Regex Entry();

    [GeneratedRegex(@"\.shared\s+\.align\s+\d+\s+\.b8\s+\w+\[(?<bytes>\d+)\]")]
    private static partial Regex StaticShared();

    [GeneratedRegex(@"\b(ld|st)\.(v[24]\.)?f32")]
    private static partial Regex GenericAccess();

    [GeneratedRegex(@"\b(max|min)\.(ftz\.)?f(32|64)")]
    private static partial Regex DropsNaN();

    [GeneratedRegex(@"\b(div|rem)\.[su]64")]
    private static partial Regex LongDivision();

    [GeneratedRegex(@"ld\.global\.v4\.f32")]
    private static partial Regex QuadLoad();

    [GeneratedRegex(@"st\.global\.v4\.f32")]
    private static partial Regex QuadStore();

    /// <summary>
    /// A product that the next instruction adds: ILGPU writes two instructions without a rounding mode, which tells ptxas to fuse them
    /// (<c>mul.rn</c> would forbid it).
    /// </summary>
    [GeneratedRegex(@"mul\.f32\s+(?<product>%f\d+), [^;]+;\s+add\.f32\s+%f\d+, (%f\d+, )?\k<product>[,;]")]
    private static partial Regex MultiplyAdd();
}
