using System.Runtime.CompilerServices;
using ILGPU;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// Which thread of its group this one is. A kernel asks once and keeps the answer: on the emulator every question to <see cref="Group"/> or
/// <see cref="Grid"/> builds an error message that nobody reads, which costs as much as a hundred multiply-adds.
/// </summary>
internal readonly struct GroupThread(int index, int count)
{
    public readonly int Index = index;
    public readonly int Count = count;

    /// <summary>Groups that the emulator opens at most: opening one costs it more than a small tile.</summary>
    private const int EmulatorGroups = 4;

    /// <summary>Groups for a kernel whose groups take one item after the other, as long as there are any.</summary>
    public static int Groups(IlgpuDevice device, int items) => device is EmulatorDevice ? Math.Min(items, EmulatorGroups) : items;

    /// <summary>This thread.</summary>
    public static GroupThread Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Group.IdxX, Group.DimX);
    }

    /// <summary>Waits for all threads of the group, and for what they wrote to shared memory; a thread alone waits for nobody.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Barrier()
    {
        if (Count > 1) Group.Barrier();
    }
}
