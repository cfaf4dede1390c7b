using AuralSam2.Kernels.Simt;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Compiled kernels on disk: what comes back, and what damage, other builds, full disks and other processes may do.</summary>
public sealed class KernelCacheTests : IDisposable
{
    private static readonly CachedKernel Kernel = new(string.Concat(Enumerable.Repeat("\tmul.f32 %f2, %f1, 0f3F800000;\n", 40)), 128, true);
    private static readonly KernelKey Key = new(GpuKernel.All[0].Method, 256, "SM_90 ISA_78");

    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserExecute;

    private readonly string root = Path.Combine(Path.GetTempPath(), $"kernel-cache-{Guid.NewGuid():N}");
    private readonly KernelCache cache;

    public KernelCacheTests() => cache = new KernelCache(root);

    public void Dispose()
    {
        if (!Directory.Exists(root)) return;
        if (!OperatingSystem.IsWindows() && Directory.Exists(cache.Folder)) File.SetUnixFileMode(cache.Folder, Readable | UnixFileMode.UserWrite);
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public void WhatWasWrittenComesBackInAnotherProcess()
    {
        Assert.Null(cache.Read(Key));
        Assert.False(Directory.Exists(root));
        cache.Write(Key, Kernel);
        Assert.Equal(Kernel, new KernelCache(root).Read(Key));
        Assert.Equal([cache.PathOf(Key)], Directory.GetFiles(root, "*", SearchOption.AllDirectories));
        cache.Write(Key, Kernel with { DynamicShared = false, Ptx = "" });
        Assert.Equal(Kernel with { DynamicShared = false, Ptx = "" }, cache.Read(Key));
    }

    [Fact]
    public void EverythingThatTheCodeDependsOnIsInTheKey()
    {
        KernelKey[] others =
        [
            Key with { Method = GpuKernel.All[1].Method }, Key with { GroupSize = 128 },
            Key with { Target = "SM_80 ISA_78" }, Key with { Target = "SM_90 ISA_80" },
        ];
        cache.Write(Key, Kernel);
        Assert.All(others, other => Assert.Null(cache.Read(other)));
        Assert.Distinct([Key.ToString(), .. others.Select(k => k.ToString())]);
        Assert.Contains(typeof(KernelKey).Module.ModuleVersionId.ToString(), Key.ToString(), StringComparison.Ordinal);
        Assert.Contains(typeof(ILGPU.Context).Module.ModuleVersionId.ToString(), Key.ToString(), StringComparison.Ordinal);
        Assert.Contains(typeof(ILGPU.Algorithms.XMath).Module.ModuleVersionId.ToString(), Key.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', Key.ToString()); // it is a line of the file
    }

    /// <summary>Every bit of the first hundred bytes and one bit of every other byte.</summary>
    [Fact]
    public void AFileWithAnyBitChangedIsNotRead()
    {
        cache.Write(Key, Kernel);
        var path = cache.PathOf(Key);
        var whole = File.ReadAllBytes(path);
        for (var place = 0; place < whole.Length; place++)
        {
            for (var bit = place < 100 ? 0 : place % 8; bit < (place < 100 ? 8 : (place % 8) + 1); bit++)
            {
                var damaged = (byte[])whole.Clone();
                damaged[place] ^= (byte)(1 << bit);
                Assert.Null(CachedKernel.Parse(damaged, Key));
            }
        }

        File.WriteAllBytes(path, whole);
        Assert.Equal(Kernel, cache.Read(Key));
    }

    [Fact]
    public void AFileThatWasCutOffOrGrewIsNotReadAndIsReplaced()
    {
        cache.Write(Key, Kernel);
        var path = cache.PathOf(Key);
        var whole = File.ReadAllBytes(path);
        for (var length = 0; length < whole.Length; length++) Assert.Null(CachedKernel.Parse(whole.AsSpan(0, length), Key));
        Assert.Null(CachedKernel.Parse([.. whole, (byte)'\n'], Key));

        File.WriteAllBytes(path, whole[..^1]);
        Assert.Null(cache.Read(Key));
        cache.Write(Key, Kernel);
        Assert.Equal(Kernel, cache.Read(Key));
    }

    /// <summary>The digest of a foreign file is right; what it is for is not.</summary>
    [Fact]
    public void AFileOfAnotherKernelOrVersionIsNotRead()
    {
        cache.Write(Key, Kernel);
        var path = cache.PathOf(Key);
        File.WriteAllBytes(path, Kernel.Format(Key with { GroupSize = 64 }));
        Assert.Null(cache.Read(Key));
        File.WriteAllText(path, File.ReadAllText(path).Replace("aural kernel 1", "aural kernel 2", StringComparison.Ordinal));
        Assert.Null(cache.Read(Key));
        File.WriteAllBytes(path, []);
        Assert.Null(cache.Read(Key));
        using (var huge = File.Create(path)) huge.SetLength(64 << 20); // a hole: no disk is used
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(cache.Read(Key));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20); // and no memory
    }

    [Fact]
    public void AFolderInPlaceOfAFileAndAFileInPlaceOfAFolderMeanNoCache()
    {
        Directory.CreateDirectory(cache.PathOf(Key));
        Assert.Null(cache.Read(Key));
        cache.Write(Key, Kernel);
        Assert.Null(cache.Read(Key));
        Assert.Empty(Directory.GetFiles(cache.Folder));

        var blocked = Path.Combine(root, "blocked");
        File.WriteAllText(blocked, "");
        var other = new KernelCache(blocked);
        other.Write(Key, Kernel);
        Assert.Null(other.Read(Key));
    }

    /// <summary>A disk that takes nothing, as far as a test that may run as root can have one.</summary>
    [Fact]
    public void WhatCannotBeWrittenIsNotKept()
    {
        var nowhere = new KernelCache(OperatingSystem.IsWindows() ? @"\\?\nowhere\x" : "/proc/self/no/room");
        nowhere.Write(Key, Kernel);
        Assert.Null(nowhere.Read(Key));

        if (OperatingSystem.IsWindows() || Environment.UserName == "root") return;
        cache.Write(Key, Kernel);
        File.SetUnixFileMode(cache.Folder, Readable);
        cache.Write(Key with { GroupSize = 1 }, Kernel);
        Assert.Null(cache.Read(Key with { GroupSize = 1 }));
        Assert.Equal(Kernel, cache.Read(Key));
    }

    [Fact]
    public void OldBuildsAndOldDraftsGoAndForeignFilesStay()
    {
        var builds = Enumerable.Range(0, KernelCache.Builds + 3).Select(i => Path.Combine(root, $"{i:x16}")).ToArray();
        for (var i = 0; i < builds.Length; i++)
        {
            Directory.CreateDirectory(builds[i]);
            File.WriteAllText(Path.Combine(builds[i], "Kernel.ptx"), "old");
            if (i == 0) File.WriteAllText(Path.Combine(builds[i], "notes"), "");
            Directory.SetLastWriteTimeUtc(builds[i], DateTime.UtcNow.AddDays(i - 30)); // the first is the oldest
        }

        Directory.CreateDirectory(Path.Combine(root, "someone else's"));
        File.WriteAllText(Path.Combine(root, "someone else's", "file"), "");
        Directory.CreateDirectory(cache.Folder);
        var (killed, busy) = (Path.Combine(cache.Folder, "a.ptx.1.tmp"), Path.Combine(cache.Folder, "b.ptx.2.tmp"));
        File.WriteAllText(killed, "");
        File.SetLastWriteTimeUtc(killed, DateTime.UtcNow.AddDays(-1));
        File.WriteAllText(busy, "");
        cache.Write(Key, Kernel);

        string[] kept = [cache.Folder, builds[0], .. builds[^(KernelCache.Builds - 1)..], Path.Combine(root, "someone else's")];
        Assert.Equal(kept.Order(), Directory.GetDirectories(root).Order());
        Assert.Equal([Path.Combine(builds[0], "notes")], Directory.GetFiles(builds[0]));
        Assert.Equal(new[] { cache.PathOf(Key), busy }.Order(), Directory.GetFiles(cache.Folder).Order());
        Assert.Equal(Kernel, cache.Read(Key));
    }

    /// <summary>Processes at once: readers always see a whole kernel, and nothing is left behind.</summary>
    [Fact]
    public void ProcessesDoNotDisturbEachOther()
    {
        KernelCache[] processes = [new(root), new(root), new(root)];
        cache.Write(Key, Kernel);
        Parallel.For(0, 300, new ParallelOptions { MaxDegreeOfParallelism = 6 }, i =>
        {
            var process = processes[i % 3];
            if (i % 2 == 0) process.Write(Key, Kernel);
            else if (process.Read(Key) is { } read) Assert.Equal(Kernel, read);
            else Assert.True(OperatingSystem.IsWindows()); // where a file that is being replaced cannot be opened
        });
        Assert.Equal(Kernel, cache.Read(Key));
        Assert.Equal([cache.PathOf(Key)], Directory.GetFiles(root, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void TheEnvironmentSaysWhere()
    {
        string? Place(params (string Name, string Value)[] variables) =>
            KernelCache.Place(name => variables.FirstOrDefault(v => v.Name == name).Value);
        var here = Path.GetFullPath("here");
        Assert.Equal(here, Place(("AURAL_CACHE", "here"), ("HOME", "/home/x")));
        Assert.Null(Place(("AURAL_CACHE", "off"), ("HOME", "/home/x"), ("LOCALAPPDATA", @"C:\x")));
        if (OperatingSystem.IsWindows())
        {
            Assert.Equal(@"C:\x\auralsam2", Place(("LOCALAPPDATA", @"C:\x"), ("HOME", @"C:\y")));
            return;
        }

        Assert.Equal("/home/x/.cache/auralsam2", Place(("HOME", "/home/x"), ("AURAL_CACHE", "")));
        Assert.Equal("/caches/auralsam2", Place(("XDG_CACHE_HOME", "/caches"), ("HOME", "/home/x")));
        Assert.Equal("/home/x/.cache/auralsam2", Place(("XDG_CACHE_HOME", "relative"), ("HOME", "/home/x")));
        Assert.Null(Place());
    }
}
