using System.Runtime.InteropServices;
using ILGPU;

namespace AuralSam2.Kernels.Drivers;

/// <summary>
/// Finds the libraries of GPU drivers. ILGPU asks for <c>libcuda.so</c> and <c>libOpenCL.so</c>, names that only development packages
/// install; a machine that just runs programs has <c>libcuda.so.1</c> and <c>libOpenCL.so.1</c>.
/// </summary>
internal static class DriverLibrary
{
    private static readonly Lock Gate = new();
    private static bool serving;

    /// <summary>Loads NVIDIA's driver.</summary>
    public static bool TryLoadCuda(out nint library) => TryLoad(OperatingSystem.IsWindows() ? "nvcuda" : "cuda", out library);

    /// <summary>Loads the OpenCL loader.</summary>
    public static bool TryLoadOpenCl(out nint library) => TryLoad("OpenCL", out library);

    /// <summary>Makes ILGPU find them too. Call it before ILGPU looks for a GPU.</summary>
    public static void ServeIlgpu()
    {
        lock (Gate)
        {
            if (serving) return;
            serving = true;
            try
            {
                NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, _, _) => TryLoad(name, out var library) ? library : 0);
            }
            catch (InvalidOperationException)
            {
                // The program around this one has a resolver of its own for ILGPU.
            }
        }
    }

    private static bool TryLoad(string name, out nint library)
    {
        foreach (var candidate in Candidates(name))
            if (NativeLibrary.TryLoad(candidate, out library)) return true;
        library = 0;
        return false;
    }

    /// <summary>Under WSL the driver belongs to Windows and lies in a folder of its own, ahead of any that was installed by mistake.</summary>
    private static string[] Candidates(string name) =>
        !OperatingSystem.IsLinux() ? [name]
        : name == "cuda" ? ["/usr/lib/wsl/lib/libcuda.so.1", "libcuda.so.1", "libcuda.so"]
        : [$"lib{name}.so.1", $"lib{name}.so"];
}
