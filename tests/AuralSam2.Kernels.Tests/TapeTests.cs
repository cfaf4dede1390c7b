using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What ops one by one cannot show: memory that is used again, values that are only partly trainable, what is frozen.</summary>
public sealed class TapeTests : IDisposable
{
    private readonly CpuDevice device = new(2);

    public void Dispose() => device.Dispose();

    /// <summary>y = 3 (2 x): both tensors lie in the same memory, one after the other.</summary>
    [Fact]
    public void MemoryThatIsUsedAgainKeepsItsGradientsApart()
    {
        var x = Values(1, 2, 3);
        using var tape = Following(x);
        using var scope = device.Scope();
        var y = device.Rent(3);
        using (tape.Record())
        {
            using (device.Scope())
            {
                var first = device.Rent(3);
                Elementwise.Map(device, x, first, Activation.None, scale: 2);
                device.Copy(first, y);
            }

            using (device.Scope())
            {
                var second = device.Rent(3);
                Elementwise.Map(device, y, second, Activation.None, scale: 3);
                device.Copy(second, y);
            }
        }

        Assert.Equal([6, 12, 18], WalkBack(tape, y, 1, 2, 3).Of(x));
    }

    /// <summary>Constants beside a trainable value in one tensor: what an op adds to their gradient must not reach what lay there before.</summary>
    [Fact]
    public void APartlyTrainableInputLeavesNothingBehind()
    {
        var x = Values(1, 2);
        using var tape = Following(x);
        using var scope = device.Scope();
        var y = device.Rent(1, 4);
        using (tape.Record())
        {
            Tensor earlier;
            var sum = device.Rent(1, 4);
            using (device.Scope())
            {
                earlier = device.Rent(1, 4); // 5 x twice, side by side
                Elementwise.Map(device, x, earlier.SliceColumns(0, 2), Activation.None, scale: 5);
                Elementwise.Map(device, x, earlier.SliceColumns(2, 2), Activation.None, scale: 5);
                device.Copy(earlier, sum);
            }

            using (device.Scope())
            {
                var mixed = device.Rent(1, 4); // where 5 x was: constants, and x itself in the second half
                Assert.True(mixed.IsSameAs(earlier));
                device.Fill(mixed.SliceColumns(0, 2), 7);
                device.Copy(x.Reshape(1, 2), mixed.SliceColumns(2, 2));
                Elementwise.Add(device, sum, mixed, y);
            }
        }

        // y = (5 x0 + 7, 5 x1 + 7, 5 x0 + x0, 5 x1 + x1)
        Assert.Equal([5 * 1 + 6 * 3, 5 * 2 + 6 * 4], WalkBack(tape, y, 1, 2, 3, 4).Of(x));
    }

    [Fact]
    public void AnOverwrittenResultCountsNoMore()
    {
        var x = Values(1, 2);
        using var tape = Following(x);
        using var scope = device.Scope();
        Tensor y = device.Rent(2), wide = device.Rent(2, 3);
        using (tape.Record())
        {
            device.Copy(x.Reshape(2, 1), wide.SliceColumns(0, 1));
            device.Copy(x.Reshape(2, 1), wide.SliceColumns(2, 1));
            device.Fill(wide.SliceColumns(2, 1), 9); // its neighbours go on
            device.Fill(wide.SliceColumns(1, 1), 1);
            Elementwise.Map(device, wide.SliceColumns(0, 1), y.Reshape(2, 1), Activation.None, scale: 4);
            Elementwise.Add(device, y.Reshape(2, 1), wide.SliceColumns(2, 1), y.Reshape(2, 1));
        }

        Assert.Equal([4, 8], WalkBack(tape, y, 1, 2).Of(x));
    }

    [Fact]
    public void FrozenInputsAreNotRecorded()
    {
        Tensor x = Values(1, 2, 3, 4), constant = Values(5, 6, 7, 8);
        using var tape = Following(x);
        using var weight = Gemm.Pack(device, [1, 2, 3, 4], 2, []);
        using var scope = device.Scope();
        var y = device.Rent(2, 2);
        using (tape.Record())
        {
            Gemm.Forward(device, constant.Reshape(2, 2), weight, y);
            LayerNorm.Forward(device, y, new NormWeights(Values(1, 1), Values(0, 0), 1e-6f), y);
            Assert.Equal(0, tape.Records);
            Elementwise.Add(device, y, x.Reshape(2, 2), y);
            Assert.Equal(1, tape.Records);
            Assert.Equal(0, tape.SavedBytes);
        }
    }

    [Fact]
    public void AValueIsSavedOnceUntilItChanges()
    {
        var x = Values(1, 2, 3, 4);
        using var tape = Following(x);
        using var first = Gemm.Pack(device, Matrix(tape, 1, 2, 3, 4), default);
        using var second = Gemm.Pack(device, Matrix(tape, 5, 6, 7, 8), default);
        using var scope = device.Scope();
        Tensor input = device.Rent(2, 2), y = device.Rent(2, 2);
        using (tape.Record())
        {
            device.Copy(x.Reshape(2, 2), input);
            Gemm.Forward(device, input, first, y);
            Gemm.Forward(device, input, second, y, new GemmFusion { Residual = y });
            Assert.Equal(4 * sizeof(float), tape.SavedBytes);
            Elementwise.Map(device, input, input, Activation.None, scale: 2);
            Gemm.Forward(device, input, second, y, new GemmFusion { Residual = y });
            Assert.Equal(8 * sizeof(float), tape.SavedBytes);
        }

        // dx = seeds (W1 + 3 W2)
        Assert.Equal([1 + 15, 2 + 18, 3 + 21, 4 + 24], WalkBack(tape, y, 1, 0, 0, 1).Of(x));
    }

    [Fact]
    public void ACheckedTapeNamesTheFirstOpThatIsNotFinite()
    {
        var x = Values(1, 2);
        using var tape = Following(x);
        tape.Checked = true;
        using var scope = device.Scope();
        var y = device.Rent(2);
        var error = Assert.Throws<NonFiniteException>(() =>
        {
            using (tape.Record())
            using (device.Module("aural_fuser.smooth_convs.1"))
                Elementwise.Map(device, x, y, Activation.None, scale: float.PositiveInfinity);
        });
        Assert.Equal(("Map", "aural_fuser.smooth_convs.1"), (error.Op, error.Module));
    }

    [Fact]
    public void AStepHoldsNoMoreMemoryThanTheOneBefore()
    {
        var x = Values([.. Enumerable.Range(0, 5000).Select(i => (float)i)]);
        using var tape = Following(x);
        var held = new List<long>();
        for (var step = 0; step < 5; step++)
        {
            using (device.Scope())
            {
                var y = device.Rent(50, 100);
                using (tape.Record()) Elementwise.Map(device, x.Reshape(50, 100), y, Activation.Gelu);
                _ = WalkBack(tape, y, [.. Enumerable.Repeat(1f, 5000)]);
            }

            held.Add(tape.HeldBytes);
        }

        Assert.Equal(held[^2], held[^1]);
    }

    [Fact]
    public void IntervalsAreASet()
    {
        var random = new Random(3);
        for (var round = 0; round < 300; round++)
        {
            var (intervals, naive) = (new Intervals(), new bool[40]);
            for (var i = 0; i < 12; i++)
            {
                var (start, end, adds) = (random.Next(40), random.Next(41), random.Next(3) > 0);
                if (adds) intervals.Add((start, end));
                else intervals.Remove((start, end));
                if (start < end) Array.Fill(naive, adds, start, end - start);

                var (from, to) = (random.Next(40), random.Next(41));
                var asked = Enumerable.Range(from, Math.Max(0, to - from)).ToArray();
                Assert.Equal(asked.Any(n => naive[n]), intervals.Overlaps((from, to)));
                var gaps = intervals.Without((from, to)).SelectMany(g => Enumerable.Range((int)g.Start, (int)(g.End - g.Start)));
                Assert.Equal(asked.Where(n => !naive[n]), gaps);
            }

            for (var i = 1; i < intervals.Items.Count; i++) Assert.True(intervals.Items[i - 1].End < intervals.Items[i].Start);
        }
    }

    private static Gradients WalkBack(Tape tape, Tensor y, params float[] seeds)
    {
        tape.ClearGradients();
        y.Buffer.Device.Upload(seeds, tape.Gradient(y));
        tape.WalkBack();
        return new Gradients(tape);
    }

    private Tape Following(Tensor x)
    {
        var tape = new Tape(device);
        tape.Reach(x);
        return tape;
    }

    private Tensor Matrix(Tape tape, params float[] values)
    {
        var weight = Values(values).Reshape(2, 2);
        tape.Follow(weight);
        return weight;
    }

    private Tensor Values(params float[] values)
    {
        var tensor = device.AllocateTensor(values.Length);
        device.Upload(values, tensor);
        return tensor;
    }

    private readonly record struct Gradients(Tape Tape)
    {
        public float[] Of(Tensor tensor) => tensor.Buffer.Device.Download(Tape.Gradient(tensor));
    }
}
