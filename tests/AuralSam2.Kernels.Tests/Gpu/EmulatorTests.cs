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

        public EmulatorDevice this[int groupSize]
        {
            get
            {
                if (!opened.TryGetValue(groupSize, out var device)) opened.Add(groupSize, device = new EmulatorDevice(groupSize));
                return device;
            }
        }

        /// <summary>Forgets a device with a kernel that does not end: disposing it would wait for the kernel.</summary>
        public void Abandon(int groupSize) => opened.Remove(groupSize);

        public void Dispose()
        {
            foreach (var device in opened.Values) device.Dispose();
        }
    }

    public static TheoryData<int> GroupSizes => [1, 2, 4];

    public static TheoryData<string, int> CasesAndGroupSizes()
    {
        var data = new TheoryData<string, int>();
        foreach (var c in EmulatorCases.All)
            foreach (var row in GroupSizes) data.Add(c.ToString(), row.Data);
        return data;
    }

    [Theory, MemberData(nameof(CasesAndGroupSizes))]
    public async Task AgreesWithReference(string name, int groupSize)
    {
        var c = EmulatorCases.All.Single(c => c.ToString() == name);
        var device = devices[groupSize];
        try
        {
            await Task.Run(() => Check(c, device)).WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            devices.Abandon(groupSize);
            throw;
        }
    }

    private static void Check(OpCase c, Device device)
    {
        var random = new Random(7);
        var operands = c.Operands.Select(o => new GuardedTensor(device, o, random)).ToArray();
        var run = c.Bind(device, [.. operands.Select(o => o.Tensor)]);
        run();
        c.Reference([.. operands.Select(o => o.Values)]);
        Assert.All(operands, o => o.Check(c.Budget));
        Assert.Equal(0, device.Arena.OpenScopes);
        foreach (var operand in operands) operand.Dispose();
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

        var copied = new float[20];
        device.Download(other, copied);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (float)i), copied);
        var whole = new float[45];
        device.Download(all, whole);
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
