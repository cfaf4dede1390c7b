using AuralSam2.Bench.Compiled;
using AuralSam2.Kernels.Simt;
using AuralSam2.Testing;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>What kernels occupy on a GPU, compared with the committed table, and how that is read out of the CUDA tools' reports.</summary>
public sealed class PtxasTests
{
    private static readonly string Baseline = Path.Combine(Repository.Root, "tests", "AuralSam2.Kernels.Tests", "Gpu", "ptxas-baseline.md");

    private static readonly ResourceTable Table = new("1.2.3", [new("Add", "sm_80", 256, 32, 1024), new("Add", "sm_90", 256, 40, 1024)]);

    [Fact]
    public void EveryKernelIsAsInTheTable()
    {
        if (CudaTools.Find() is not { } tools)
        {
            Assert.Skip(CudaTools.NotFound);
            return;
        }

        var update = Environment.GetEnvironmentVariable(ResourceTable.UpdateVariable) is { Length: > 0 };
        var table = File.Exists(Baseline) ? ResourceTable.Parse(File.ReadAllText(Baseline)) : new ResourceTable(tools.Release, []);
        if (!update && table.Release != tools.Release) Assert.Skip($"{tools.Ptxas} is release {tools.Release}, the table is of {table.Release}");

        var measured = MeasureAll(tools);
        if (string.Join('\n', ResourceTable.Complaints(measured)) is { Length: > 0 } complaints) Assert.Fail(complaints);
        var now = ResourceTable.Of(tools.Release, measured);
        if (update) File.WriteAllText(Baseline, now.ToMarkdown());
        else if (string.Join('\n', table.Differences(now)) is { Length: > 0 } differences)
        {
            var file = Path.GetRelativePath(Repository.Root, Baseline);
            Assert.Fail($"kernels are not what {file} says:\n{differences}\nif that is meant: {ResourceTable.Update}");
        }
    }

    /// <summary>A peak is one only where the compiler left nothing but the multiply-adds.</summary>
    [Fact]
    public void ThePeakIsOfMultiplyAdds()
    {
        if (CudaTools.Find() is not { Cuobjdump: not null } tools)
        {
            Assert.Skip(CudaTools.NotFound);
            return;
        }

        using var folder = new ScratchFolder();
        tools.Assemble(PtxCompiler.Compile(GpuPeak.FmaKernel, PtxCompiler.Architectures["sm_90"]), "sm_90", folder["fma.cubin"]);
        var loop = InstructionMix.Of(tools.Disassemble(folder["fma.cubin"])).InnerLoop!;
        Assert.InRange(loop.MultiplyAdds, 0.95 * loop.Total, loop.Total);
    }

    [Fact]
    public void TheTableSurvivesMarkdown()
    {
        var read = ResourceTable.Parse(Table.ToMarkdown());
        Assert.Equal(Table.Release, read.Release);
        Assert.Equal(Table.Rows, read.Rows);
    }

    [Theory]
    [InlineData(41, 1024, 256, "Add sm_90: 40 -> 41 registers, worse")]
    [InlineData(39, 1024, 256, "Add sm_90: 40 -> 39 registers, better")]
    [InlineData(40, 1028, 256, "Add sm_90: 1024 -> 1028 bytes of shared memory, worse")]
    [InlineData(40, 1024, 128, "Add sm_90: 256 -> 128 threads")]
    public void ADifferenceIsNamed(int registers, int shared, int threads, string expected)
    {
        var now = Table with { Rows = [Table.Rows[0], new("Add", "sm_90", threads, registers, shared)] };
        Assert.Equal([expected], Table.Differences(now));
    }

    [Fact]
    public void KernelsThatCameOrWentAreNamed()
    {
        var now = Table with { Rows = [Table.Rows[1], new("Multiply", "sm_80", 64, 8, 0)] };
        Assert.Equal(
            [
                "Multiply sm_80: not in the table; 64 threads, 8 registers, 0 bytes of shared memory",
                "Add sm_80: in the table, but there is no such kernel",
            ],
            Table.Differences(now));
        Assert.Empty(Table.Differences(Table));
    }

    [Fact]
    public void SpillsAreRefusedWhateverTheTableSays()
    {
        const string report = """
            ptxas info    : Compiling entry function 'Kernel_GemmMultiply' for 'sm_90'
            ptxas info    : Function properties for Kernel_GemmMultiply
                8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
            ptxas info    : Used 255 registers, used 1 barriers, 512 bytes smem, 400 bytes cmem[0]
            """;
        var kernel = GpuKernel.All.Single(k => k.Name == "GemmMultiply");
        var resources = KernelResources.Parse(kernel, "sm_90", report);
        Assert.Equal(255, resources.Registers);
        Assert.Equal(512 + (4 * kernel.MaxSharedFloats), resources.SharedBytes);
        var complaint = Assert.Single(ResourceTable.Complaints([resources]));
        Assert.Contains("8 bytes of stack, 12 bytes of spill stores, 16 of spill loads", complaint);
        Assert.Empty(ResourceTable.Complaints([resources with { StackBytes = 0, SpillStoreBytes = 0, SpillLoadBytes = 0 }]));
    }

    [Theory]
    [InlineData(256, 32, 0, 8, "threads")]
    [InlineData(256, 33, 0, 6, "registers")] // 40 registers: 1280 a warp, 12 warps a scheduler
    [InlineData(256, 128, 0, 2, "registers")]
    [InlineData(128, 40, 49152, 4, "shared")] // 228 KB hold four times 48 KB and the system's KB
    [InlineData(32, 16, 0, 32, "groups")]
    [InlineData(256, 255, 0, 1, "registers")]
    public void OccupancyFollowsTheAllocationRules(int threads, int registers, int shared, int groups, string limit)
    {
        Assert.Equal(new Occupancy(groups, groups * threads, limit), Occupancy.Of(threads, registers, shared));
    }

    [Fact]
    public void InstructionsAreCounted()
    {
        const string sass = """
                    /*0000*/                   LDC R1, c[0x0][0x28] ;     /* 0x00 */
                                                                          /* 0x00 */
                    /*0010*/               @P0 LDG.E.128.CONSTANT R4, desc[UR4][R2.64] ;  /* 0x00 */
                    /*0020*/                   LDS R5, [R8] ;             /* 0x00 */
                    /*0030*/                   LDS.64 R6, [R8+0x10] ;     /* 0x00 */
                    /*0040*/                   FFMA R0, R4, R5, R0 ;      /* 0x00 */
                    /*0050*/                   FFMA.FTZ R0, R4, R5, R0 ;  /* 0x00 */
                    /*0060*/              @!P0 BRA 0x20 ;                 /* 0x00 */
                    /*0070*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;  /* 0x00 */
                    /*0080*/              @UP0 STG.E.U8 desc[UR4][R2.64], R0 ;  /* 0x00 */
                    /*0090*/               @P1 BRA 0x10 ;                 /* 0x00 */
                    /*00a0*/                   EXIT ;                     /* 0x00 */
                    /*00b0*/                   BRA 0xb0;                  /* 0x00 */
                    /*00c0*/                   NOP;                       /* 0x00 */
            """;
        Assert.Equal(
            new InstructionMix(
                Total: 11, MultiplyAdds: 2, SharedLoads: 2, SharedStores: 0, GlobalLoads: 1, GlobalStores: 1, Barriers: 1,
                WidestShared: 64, WidestGlobal: 128, new InnerLoop(Total: 5, MultiplyAdds: 2, SharedLoads: 2, GlobalLoads: 0)),
            InstructionMix.Of(sass));
    }

    private static KernelResources[] MeasureAll(CudaTools tools)
    {
        using var folder = new ScratchFolder();
        return
        [
            .. from kernel in GpuKernel.All
               from architecture in PtxCompiler.Architectures.Keys
               select KernelResources.Measure(tools, kernel, architecture, folder[$"{kernel}.{architecture}.cubin"]),
        ];
    }

    private sealed class ScratchFolder : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("aural-ptxas-");

        public string this[string file] => Path.Combine(folder.FullName, file);

        public void Dispose() => folder.Delete(recursive: true);
    }
}
