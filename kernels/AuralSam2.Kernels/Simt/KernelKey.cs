using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Algorithms;

namespace AuralSam2.Kernels.Simt;

/// <summary>What a compiled kernel depends on.</summary>
/// <param name="Method">The kernel's code.</param>
/// <param name="GroupSize">Most threads of a group.</param>
/// <param name="Target">Architecture and instruction set.</param>
internal sealed record KernelKey(MethodInfo Method, int GroupSize, string Target)
{
    /// <summary>
    /// What all kernels of a build have in common: the compiler and the code that it reads. The version id of a module changes with
    /// everything that was compiled into it, whatever a kernel calls included; kernels may call into the runtime as well.
    /// </summary>
    public static string Generation { get; } = string.Join(
        "; ",
        $"ILGPU {Context.Version} {Id(typeof(Context))} {Id(typeof(XMath))}",
        $"kernels {Id(typeof(KernelKey))}",
        RuntimeInformation.FrameworkDescription);

    /// <summary>All of it in one line.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"{Generation}; {Method.DeclaringType}.{Method.Name}, groups of {GroupSize}, {Target}");

    private static Guid Id(Type type) => type.Module.ModuleVersionId;
}
