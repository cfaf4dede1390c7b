using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>An operand on a device with sentinels before it, behind it and in the gaps of its rows.</summary>
internal sealed class GuardedTensor : IDisposable
{
    private const float Sentinel = -12345.678f;
    private const int Margin = 32; // floats; rows that a kernel writes too many would land here

    private readonly Operand operand;
    private readonly float[] memory;
    private readonly DeviceBuffer buffer;

    public GuardedTensor(Device device, Operand operand, Random random)
    {
        this.operand = operand;
        var shape = new Shape(operand.Shape);
        var stride = shape.Columns + operand.RowGap;
        memory = new float[Margin + (shape.Rows * stride) + Margin];
        Array.Fill(memory, Sentinel);
        Values = new double[shape.Length];
        for (var i = 0; i < Values.Length; i++)
        {
            var value = (float)(operand.Offset + (operand.Scale * ((2 * random.NextDouble()) - 1)));
            Values[i] = operand.Role == OperandRole.Output ? double.NaN : value;
            memory[Index(i)] = (float)Values[i];
        }

        buffer = device.Allocate(memory.Length);
        device.Upload(memory, buffer.View(memory.Length));
        Tensor = new Tensor(buffer, Margin, shape, stride);
    }

    public Tensor Tensor { get; }

    /// <summary>What the operand holds before the op, then, once the reference has run on it, what it should hold after.</summary>
    public double[] Values { get; }

    /// <summary>Compares the operand with <see cref="Values"/> and everything around it with the sentinel.</summary>
    public void Check(double budget)
    {
        var after = new float[memory.Length];
        buffer.Device.Download(buffer.View(memory.Length), after);
        var inside = new HashSet<int>(Enumerable.Range(0, Values.Length).Select(Index));
        for (var i = 0; i < after.Length; i++)
            if (!inside.Contains(i)) Assert.True(after[i] == Sentinel, $"{operand.Name}: {after[i]} at {i - Margin}, outside of {Tensor}");

        var largest = Values.Select(Math.Abs).DefaultIfEmpty(0).Max();
        for (var i = 0; i < Values.Length; i++)
        {
            var (found, expected) = (after[Index(i)], Values[i]);
            var allowed = operand.Role == OperandRole.Input ? 0 : budget * Math.Max(largest, 1e-30);
            Assert.True(Math.Abs(found - expected) <= allowed, $"{operand.Name}[{i / Tensor.Columns}, {i % Tensor.Columns}]: {found}, expected {expected} within {allowed:g3}");
        }
    }

    public void Dispose() => buffer.Dispose();

    /// <summary>Where an element lies in <see cref="memory"/>.</summary>
    private int Index(int element)
    {
        var columns = operand.Shape[^1];
        return Margin + (element / columns * (columns + operand.RowGap)) + (element % columns);
    }
}
