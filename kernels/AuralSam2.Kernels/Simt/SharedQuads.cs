using ILGPU;

namespace AuralSam2.Kernels.Simt;

/// <summary>A group's dynamic shared memory as quads, for 128-bit accesses.</summary>
internal static class SharedQuads
{
    /// <summary>
    /// All of it. Asked for as floats and cast, because ILGPU's OpenCL writes an empty cast for structs; on CUDA dynamic shared memory starts at a
    /// multiple of 16 bytes where there is no static one, and no kernel of ours has any.
    /// </summary>
    public static ArrayView<Float4> Get() => SharedMemory.GetDynamic<float>().Cast<Float4>();
}
