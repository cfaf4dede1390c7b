using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>GPU kernels, run thread by thread, against the float64 reference.</summary>
public sealed class EmulatorTests(EmulatorTests.Devices devices) : IClassFixture<EmulatorTests.Devices>
{
    /// <summary>A thread that dies, of a read out of bounds for example, leaves the others of its group at a barrier for ever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>One emulator per group size for the whole class: opening one and compiling its kernels takes longer than a case.</summary>
    public sealed class Devices : IDisposable
    {
        private readonly Dictionary<int, EmulatorDevice> opened = [];
        private readonly Dictionary<string, OpCase> endless = [];

        public EmulatorDevice this[int groupSize]
        {
            get
            {
                if (!opened.TryGetValue(groupSize, out var device)) opened.Add(groupSize, device = new EmulatorDevice(groupSize));
                return device;
            }
        }

        /// <summary>
        /// Forgets all devices after a case that did not end: disposing its own would wait for ever, and the others may have lost a thread to
        /// the same op without anyone waiting for it.
        /// </summary>
        public void Abandon(OpCase subject)
        {
            opened.Clear();
            endless[subject.Op] = subject;
        }

        /// <summary>A case of this op that did not end: the others need not be waited for.</summary>
        public OpCase? Endless(string op) => endless.GetValueOrDefault(op);

        public void Dispose()
        {
            foreach (var device in opened.Values) device.Dispose();
        }
    }

    private static IEnumerable<OpCase> TinyCases => OpRegistry.Cases.Where(c => c.Tiny);

    public static TheoryData<int> GroupSizes => [1, 2, 4];

    public static TheoryData<string, int> CasesAndGroupSizes()
    {
        var data = new TheoryData<string, int>();
        foreach (var c in TinyCases)
            foreach (var row in GroupSizes) data.Add(c.ToString(), row.Data);
        return data;
    }

    [Theory, MemberData(nameof(CasesAndGroupSizes))]
    public async Task AgreesWithReference(string name, int groupSize)
    {
        var subject = TinyCases.Single(c => c.ToString() == name);
        if (devices.Endless(subject.Op) is { } other) Assert.Fail($"not run: {other} did not end");
        var device = devices[groupSize];
        try
        {
            var outcome = await Task.Run(() => OpRunner.Check(device, subject)).WaitAsync(Patience);
            Assert.True(outcome.Ok, outcome.ToString());
        }
        catch (TimeoutException)
        {
            devices.Abandon(subject);
            throw;
        }
    }

    [Theory, MemberData(nameof(GroupSizes))]
    public void MovesStridedRows(int groupSize)
    {
        var device = devices[groupSize];
        using var buffer = device.Allocate(5 * 9);
        var all = buffer.View(5, 9);
        var slice = all.SliceColumns(2, 4);
        device.Fill(all, -1);
        device.Upload([.. Enumerable.Range(0, 20).Select(i => (float)i)], slice);
        using var otherBuffer = device.Allocate(5 * 6);
        var other = otherBuffer.View(5, 6).SliceColumns(1, 4);
        device.Copy(slice, other);
        device.Fill(slice.Slice(1, 2), 50);

        Assert.Equal(Enumerable.Range(0, 20).Select(i => (float)i), device.Download(other));
        var whole = device.Download(all);
        for (var i = 0; i < whole.Length; i++)
        {
            var (row, column) = (i / 9, (i % 9) - 2);
            Assert.Equal(column is < 0 or > 3 ? -1 : row is 1 or 2 ? 50 : (row * 4) + column, whole[i]);
        }
    }

    [Theory, InlineData(0), InlineData(3), InlineData(128)]
    public void RefusesOtherGroupSizes(int groupSize) => Assert.Throws<ArgumentOutOfRangeException>(() => new EmulatorDevice(groupSize));

    [Fact]
    public void RefusesTensorsOfAnotherDevice()
    {
        using var first = new EmulatorDevice();
        using var second = new EmulatorDevice();
        using var buffer = first.Allocate(4);
        var error = Assert.Throws<ArgumentException>(() => second.Fill(buffer.View(4), 1));
        Assert.Contains("lives on", error.Message);
    }
}
