using System.Collections.Concurrent;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simt;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace AuralSam2.Bench.Compiled;

/// <summary>Compiles kernels to PTX on a machine without a GPU and without a driver.</summary>
internal static class PtxCompiler
{
    private static readonly ConcurrentDictionary<(GpuKernel Kernel, string Architecture), string> Compiled = [];

    /// <summary>The architectures that releases are checked against: A100 and H100/H200.</summary>
    public static readonly IReadOnlyDictionary<string, CudaArchitecture> Architectures = new Dictionary<string, CudaArchitecture>
    {
        ["sm_80"] = CudaArchitecture.SM_80,
        ["sm_90"] = CudaArchitecture.SM_90,
    };

    /// <summary>The PTX text of one kernel, compiled once in a process.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="architecture">A name from <see cref="Architectures"/>.</param>
    public static string Compile(GpuKernel kernel, string architecture) => Compiled.GetOrAdd((kernel, architecture), Translate);

    /// <summary>A context of its own for each: after a failed compile a context refuses further work.</summary>
    private static string Translate((GpuKernel Kernel, string Architecture) key)
    {
        using var context = Context.Create(builder => IlgpuDevice.Configure(builder));
        using var backend = new PTXBackend(context, Architectures[key.Architecture], CudaInstructionSet.ISA_78, nvvmAPI: null!);
        return new KernelCompiler(backend, cache: null).Compile(key.Kernel, key.Kernel.GroupSize).PTXAssembly;
    }
}
