using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;

namespace AuralSam2.Kernels.Simt;

/// <summary>Compiles kernels to PTX, or takes them from the cache of an earlier run. Needs neither a GPU nor a driver.</summary>
/// <param name="backend">ILGPU's code generator for one architecture and instruction set.</param>
/// <param name="cache">Compiled kernels on disk; null for none.</param>
internal sealed class KernelCompiler(PTXBackend backend, KernelCache? cache)
{
    /// <summary>Kernels that ILGPU compiled; the others came from the cache.</summary>
    public int Compiled { get; private set; }

    /// <summary>The kernel as ILGPU loads it.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="groupSize">Most threads of a group: the compiler hands out registers for exactly that many.</param>
    public PTXCompiledKernel Compile(GpuKernel kernel, int groupSize)
    {
        var entry = EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method);
        var specialization = new KernelSpecialization(groupSize, kernel.ResidentGroups);
        var key = new KernelKey(kernel.Method, groupSize, $"{backend.Architecture} {backend.InstructionSet}");
        if (cache?.Read(key) is { } known)
        {
            var shared = new SharedMemorySpecification(known.StaticSharedBytes, known.DynamicShared);
            return Create(backend.Context, new EntryPoint(entry, shared, specialization), info: null, known.Ptx);
        }

        var compiled = (PTXCompiledKernel)backend.Compile(entry, specialization);
        Compiled++;
        var need = EntryPoint(compiled).SharedMemory;
        cache?.Write(key, new CachedKernel(compiled.PTXAssembly, need.StaticSize, need.HasDynamicMemory));
        return compiled;
    }

    /// <summary>What a compiled kernel asks of a launch.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EntryPoint")]
    internal static extern EntryPoint EntryPoint(CompiledKernel kernel);

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern PTXCompiledKernel Create(Context context, EntryPoint entryPoint, CompiledKernel.KernelInfo? info, string ptxAssembly);
}
