using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests.Observers;

/// <summary>Totals of a profile, and what its groups have in common.</summary>
public sealed class OpProfileTests
{
    [Fact]
    public void EveryGroupingHasTheSameSums()
    {
        var profile = Profiled();
        var seconds = profile.Records.Sum(r => r.Seconds);
        foreach (var groups in Groupings(profile))
        {
            Assert.Equal(6, groups.Sum(g => g.Calls));
            Assert.Equal(seconds, groups.Sum(g => g.Seconds), 1e-9);
            Assert.Equal(profile.Records.Sum(r => r.Bytes), groups.Sum(g => g.Bytes));
            Assert.Equal(profile.Records.Sum(r => r.ArenaBytes), groups.Sum(g => g.ArenaBytes));
            Assert.Equal(groups.OrderByDescending(g => g.Seconds), groups);
        }
    }

    [Fact]
    public void GroupsAreByShapeByOpAndByModule()
    {
        var profile = Profiled();
        Assert.Equal(["Add [2, 3]", "Add [4, 3]", "Gemm m 4 n 5 k 3"], Titles(profile.By(OpGrouping.Shape)));
        Assert.Equal(["Add", "Gemm"], Titles(profile.By(OpGrouping.Op)));
        Assert.Equal(["", "net.a.attn", "net.a.mlp", "net.b"], Titles(profile.By(OpGrouping.Module)));
        Assert.Equal(["", "net.a", "net.b"], Titles(profile.By(OpGrouping.Module, depth: 2)));
        Assert.Equal(["", "net"], Titles(profile.By(OpGrouping.Module, depth: 1)));
        var gemm = profile.By(OpGrouping.Op).Single(g => g.Op == "Gemm");
        Assert.Equal((2, 2 * 2.0 * 4 * 5 * 3), (gemm.Calls, gemm.Flops));
        Assert.Equal(gemm.Flops / gemm.Bytes, gemm.Intensity);
    }

    [Fact]
    public void AnOpWithinAnOpIsPartOfIt()
    {
        using var device = new CpuDevice(1);
        var profile = new OpProfile();
        device.Attach(profile);
        using (device.Time("outer", 7, 11, $""))
        using (device.Time("inner", 5, 6, $""))
        {
        }

        var record = Assert.Single(profile.Records);
        Assert.Equal(("outer", 7, 11), (record.Op, record.Flops, record.Bytes));
    }

    [Fact]
    public void AllocationsAreThoseForTheOpAndByIt()
    {
        using var device = new CpuDevice(1);
        var profile = new OpProfile();
        using var scope = device.Scope();
        var before = device.Rent(16); // nobody watches yet
        device.Attach(profile);
        var y = device.Rent(2, 16);
        Elementwise.Add(device, y, y, y);
        Elementwise.Add(device, before, before, before);
        using (device.Time("managed", 0, 0, $"")) GC.KeepAlive(new byte[1000]);
        using var block = device.Allocate(8);
        device.Copy(before, before);

        long[] Of(string op, string shape) =>
            profile.Records.Where(r => r.Op == op && r.Shape == shape).SelectMany(r => new[] { r.ArenaBytes, r.Allocations }).ToArray();
        Assert.Equal([128, 0], Of("Add", "[2, 16]"));
        Assert.Equal([0, 0], Of("Add", "[16]"));
        Assert.Equal([0, 1], Of("Copy", "[16]"));
        Assert.InRange(profile.Records.Single(r => r.Op == "managed").ManagedBytes, 1000, 1200);
    }

    [Fact]
    public void TheRooflineIsTheLongerOfArithmeticAndTraffic()
    {
        var limits = new Roofline(Gflops: 100, GigabytesPerSecond: 20);
        Assert.Equal(5, limits.Ridge);
        Assert.Equal(100, limits.Attainable(50));
        Assert.Equal(40, limits.Attainable(2));
        Assert.Equal(1, limits.LeastSeconds(100e9, 1e9), 1e-12);
        Assert.Equal(2, limits.LeastSeconds(100e9, 40e9), 1e-12);
        var group = Profiled().By(OpGrouping.Op)[0];
        Assert.Equal(Math.Max(group.Flops / 100e9, group.Bytes / 20e9) / group.Seconds, group.ShareOfRoofline(limits), 1e-9);
    }

    [Fact]
    public void TheMedianIsThatOfAllCalls()
    {
        var groups = Profiled().By(OpGrouping.Op);
        var calls = Profiled().Records;
        Assert.All(groups, g => Assert.InRange(g.MedianSeconds, 0, g.Seconds));
        Assert.Equal(6, calls.Sum(r => r.CallSeconds.Count));
    }

    private static OpProfile Profiled()
    {
        using var device = new CpuDevice(1);
        var profile = new OpProfile();
        using var weight = Gemm.Pack(device, new float[15], 5, []);
        Tensor x = device.AllocateTensor(4, 3), y = device.AllocateTensor(4, 5);
        device.Attach(profile);
        for (var i = 0; i < 2; i++)
        {
            using var net = device.Module("net");
            using (device.Module("net.a"))
            {
                using (device.Module("net.a.attn")) Gemm.Forward(device, x, weight, y);
                using (device.Module("net.a.mlp")) Elementwise.Add(device, x, x, x);
            }

            if (i > 0) continue;
            using var other = device.Module("net.b");
            Elementwise.Add(device, x.Slice(0, 2), x.Slice(0, 2), x.Slice(0, 2));
        }

        Elementwise.Add(device, x, x, x);
        x.Buffer.Dispose();
        y.Buffer.Dispose();
        return profile;
    }

    private static IEnumerable<IReadOnlyList<OpGroup>> Groupings(OpProfile profile) =>
        Enum.GetValues<OpGrouping>().Select(g => profile.By(g)).Append(profile.By(OpGrouping.Module, depth: 1));

    private static string[] Titles(IReadOnlyList<OpGroup> groups) => [.. groups.Select(g => g.Title).Order(StringComparer.Ordinal)];
}
