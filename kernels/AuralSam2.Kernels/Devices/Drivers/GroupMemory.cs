using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Drivers;

/// <summary>The shared memory that kernels take for granted: <see cref="GpuKernel.SharedLimit"/>.</summary>
internal static class GroupMemory
{
    /// <summary>What is wrong with a device that grants a group so many bytes; null when nothing is.</summary>
    public static string? Shortage(long bytes) =>
        bytes >= GpuKernel.SharedLimit * sizeof(float)
            ? null
            : $"a group has {bytes / 1024} KB of shared memory; the kernels need {GpuKernel.SharedLimit * sizeof(float) / 1024} KB";
}
