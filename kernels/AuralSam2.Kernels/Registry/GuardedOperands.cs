namespace AuralSam2.Kernels.Registry;

/// <summary>
/// Operands of a case on a device, each in a buffer of its own between two bands of sentinels, with sentinels in its row gaps as well.
/// A write outside an operand changes a sentinel; a read outside brings a NaN into the result.
/// </summary>
public sealed class GuardedOperands : IDisposable
{
    /// <summary>Floats of a band: wider than any vector, and a multiple of a cache line, so that operands are aligned as rented ones are.</summary>
    private const int Band = 64;

    /// <summary>What surrounds operands: a quiet NaN with a payload that no arithmetic makes, though arithmetic passes it on.</summary>
    private static readonly float Sentinel = BitConverter.UInt32BitsToSingle(0x7FC5_A5A5);

    /// <summary>What outputs start as: another payload, so that an element nobody wrote differs from one that a read outside has spoilt.</summary>
    private static readonly float Untouched = BitConverter.UInt32BitsToSingle(0x7FC3_C3C3);

    private readonly Device device;
    private readonly OpCase subject;
    private readonly DeviceBuffer[] buffers;
    private readonly float[][] images;

    /// <summary>Allocates the operands and fills them; the same case gets the same values on every device.</summary>
    public GuardedOperands(Device device, OpCase subject)
    {
        this.device = device;
        this.subject = subject;
        var count = subject.Operands.Length;
        (buffers, images, Tensors) = (new DeviceBuffer[count], new float[count][], new Tensor[count]);
        for (var i = 0; i < count; i++)
        {
            var operand = subject.Operands[i];
            var shape = new Shape(operand.Shape);
            var stride = shape.Columns + operand.RowGap;
            var image = new float[checked((2 * Band) + (shape.Rows * stride))];
            Array.Fill(image, Sentinel);
            var random = new SplitMix64($"{subject}/{operand.Name}");
            for (var r = 0; r < shape.Rows; r++)
            {
                var row = image.AsSpan(Band + (r * stride), shape.Columns);
                row.Fill(Untouched);
                if (operand.Role == OperandRole.Output) continue;
                foreach (ref var value in row) value = (float)(operand.Offset + (operand.Scale * ((2 * random.NextUnit()) - 1)));
            }

            images[i] = image;
            buffers[i] = device.Allocate(image.Length);
            device.Upload(image, buffers[i].View(image.Length));
            Tensors[i] = new Tensor(buffers[i], Band, shape, stride);
        }
    }

    /// <summary>The operands, in the order of <see cref="OpCase.Operands"/>.</summary>
    public Tensor[] Tensors { get; }

    /// <summary>The values that an operand started with, row-major without gaps.</summary>
    public double[] Initial(int operand) => Array.ConvertAll(Dense(operand, images[operand]), v => (double)v);

    /// <summary>Downloads everything and looks at the sentinels and the inputs.</summary>
    /// <param name="results">The values of every operand now, row-major without gaps.</param>
    /// <returns>What is wrong, or null.</returns>
    public string? Inspect(out float[][] results)
    {
        results = new float[images.Length][];
        string? complaint = null;
        for (var i = 0; i < images.Length; i++)
        {
            var now = device.Download(buffers[i].View(images[i].Length));
            complaint ??= Compare(i, now);
            results[i] = Dense(i, now);
        }

        return complaint;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in buffers) buffer.Dispose();
    }

    /// <summary>True for the value that an output had before the op ran.</summary>
    internal static bool IsUntouched(float value) => BitConverter.SingleToUInt32Bits(value) == BitConverter.SingleToUInt32Bits(Untouched);

    private string? Compare(int index, float[] now)
    {
        var (operand, tensor) = (subject.Operands[index], Tensors[index]);
        for (var at = 0; at < now.Length; at++)
        {
            if (BitConverter.SingleToUInt32Bits(now[at]) == BitConverter.SingleToUInt32Bits(images[index][at])) continue;
            var inside = at - Band;
            var (row, column) = (Math.DivRem(inside, tensor.RowStride, out var c), c);
            var place = inside < 0 ? $"{-inside} floats before it"
                : row >= tensor.Rows ? $"{inside - (tensor.Rows * tensor.RowStride) + operand.RowGap} floats after its end"
                : $"row {row}, column {column} of {tensor.Columns}";
            if (inside < 0 || row >= tensor.Rows || column >= tensor.Columns) return $"wrote outside {operand.Name}: {place}, {now[at]}";
            if (operand.Role == OperandRole.Input) return $"changed its input {operand.Name} at {place}: {images[index][at]} became {now[at]}";
        }

        return null;
    }

    private float[] Dense(int index, float[] image)
    {
        var tensor = Tensors[index];
        var values = new float[tensor.Length];
        for (var r = 0; r < tensor.Rows; r++)
            image.AsSpan(Band + (r * tensor.RowStride), tensor.Columns).CopyTo(values.AsSpan(r * tensor.Columns));
        return values;
    }
}
