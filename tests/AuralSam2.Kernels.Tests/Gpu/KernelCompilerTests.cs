using System.Text.RegularExpressions;
using AuralSam2.Kernels.Simt;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Cold and warm starts of all kernels, as far as they go without a driver: to the object that ILGPU loads.</summary>
public sealed partial class KernelCompilerTests : IDisposable
{
    private readonly string root = Path.Combine(Path.GetTempPath(), $"kernel-compiler-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(root)) Directory.Delete(root, recursive: true);
    }

    [Fact]
    public void AWarmStartCompilesNothingAndLoadsTheSame()
    {
        var cold = CompileAll(CudaArchitecture.SM_90, compiled: GpuKernel.All.Count);
        var warm = CompileAll(CudaArchitecture.SM_90, compiled: 0);
        CompileAll(CudaArchitecture.SM_80, compiled: GpuKernel.All.Count);
        for (var i = 0; i < cold.Length; i++)
        {
            Assert.Equal(cold[i].PTXAssembly, warm[i].PTXAssembly);
            Assert.Equal(cold[i].Name, warm[i].Name);
            Assert.Equal(cold[i].Specialization, warm[i].Specialization);
            var (expected, entry) = (KernelCompiler.EntryPoint(cold[i]), KernelCompiler.EntryPoint(warm[i]));
            Assert.Equal(expected.Description, entry.Description);
            Assert.Equal(expected.SharedMemory, entry.SharedMemory);
            Assert.Equal(expected.Parameters.Count, entry.Parameters.Count);
            Assert.Equal(GpuKernel.All[i].MaxSharedFloats > 0, entry.SharedMemory.HasDynamicMemory);
        }
    }

    /// <summary>A damaged entry costs one compilation and is mended by it.</summary>
    [Fact]
    public void ADamagedEntryIsCompiledAgain()
    {
        var before = CompileAll(CudaArchitecture.SM_90, compiled: GpuKernel.All.Count);
        var file = Directory.GetFiles(root, "GemmMultiply-*.ptx", SearchOption.AllDirectories).Single();
        var bytes = File.ReadAllBytes(file);
        bytes[^20] ^= 1;
        File.WriteAllBytes(file, bytes);
        CompileAll(CudaArchitecture.SM_90, compiled: 1);
        var mended = CompileAll(CudaArchitecture.SM_90, compiled: 0);
        Assert.Equal(Texts(before), Texts(mended));

        // Parameters are numbered in the order of compilation, which was another one.
        static IEnumerable<string> Texts(PTXCompiledKernel[] kernels) => kernels.Select(k => Number().Replace(k.PTXAssembly, "_"));
    }

    [GeneratedRegex(@"_[0-9]+\b")]
    private static partial Regex Number();

    private PTXCompiledKernel[] CompileAll(CudaArchitecture architecture, int compiled)
    {
        using var context = Context.Create(builder => IlgpuDevice.Configure(builder));
        using var backend = new PTXBackend(context, architecture, CudaInstructionSet.ISA_78, nvvmAPI: null!);
        var compiler = new KernelCompiler(backend, new KernelCache(root));
        PTXCompiledKernel[] kernels = [.. GpuKernel.All.Select(kernel => compiler.Compile(kernel, kernel.GroupSize))];
        Assert.Equal(compiled, compiler.Compiled);
        return kernels;
    }
}
