namespace AuralSam2.Kernels.Ops;

/// <summary>The angles of a rotary position encoding, as cosines and sines.</summary>
/// <param name="Cos"><c>[positions, channels / 2]</c>.</param>
/// <param name="Sin"><c>[positions, channels / 2]</c>.</param>
public readonly record struct RopeTable(Tensor Cos, Tensor Sin);

/// <summary>
/// Rotary position encoding on the axes of a grid (RoPE, Su et al. 2021; axial form of SAM2): channels 2j and 2j + 1 are a complex number
/// that is turned by the angle of its position.
/// </summary>
public static class Rope
{
    /// <summary>
    /// Makes the table of a square grid: the first half of the pairs turns with x, the second with y, theta_j = 10000^(-4j / channels).
    /// </summary>
    /// <param name="device">Where it will be used.</param>
    /// <param name="edge">Cells of an edge; position t lies at x = t mod edge, y = t div edge.</param>
    /// <param name="channels">Channels of a head, a multiple of 4.</param>
    public static RopeTable Table(Device device, int edge, int channels)
    {
        var (positions, pairs) = (edge * edge, channels / 2);
        float[] cos = new float[positions * pairs], sin = new float[positions * pairs];
        for (var t = 0; t < positions; t++)
        {
            for (var j = 0; j < pairs; j++)
            {
                // float32 frequencies and angles: what checkpoints were trained with.
                var theta = 1f / (float)Math.Pow(10000.0, (float)(4 * (j % (pairs / 2))) / channels);
                var angle = (j < pairs / 2 ? t % edge : t / edge) * theta;
                cos[(t * pairs) + j] = (float)Math.Cos(angle);
                sin[(t * pairs) + j] = (float)Math.Sin(angle);
            }
        }

        var table = new RopeTable(device.AllocateTensor(positions, pairs), device.AllocateTensor(positions, pairs));
        device.Upload(cos, table.Cos);
        device.Upload(sin, table.Sin);
        return table;
    }

    /// <summary>Turns rows in place.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>; row r stands at position r mod positions.</param>
    /// <param name="table">Angles.</param>
    /// <param name="rows">Rows to turn; the rest (object pointers) has no position and stays.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, in RopeTable table, int rows)
    {
        var t = table;
        OpArguments.Require(x.Columns == 2 * t.Cos.Columns && rows >= 0 && rows <= x.Rows, "Rope", $"x {x}, table {t.Cos}, {rows} rows");
        var record = device.Recording("Rope", x, [x]);
        Run(device, "Rope", x, t, rows);
        record?.Commit(x, () =>
        {
            // A rotation's transpose turns the other way.
            var opposite = device.Rent(t.Sin.Rows, t.Sin.Columns);
            Elementwise.Map(device, t.Sin, opposite, Activation.None, scale: -1f);
            Run(device, "Rope.Gradient", record.Gradient(x), t with { Sin = opposite }, rows);
            record.Keeps = true;
        });
    }

    private static void Run(Device device, string op, Tensor x, in RopeTable t, int rows)
    {
        using var timing = device.Time(op, 6.0 * rows * t.Cos.Columns, 8.0 * rows * x.Columns, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: RopeCpu.Run(cpu, x, t, rows); break;
            case IlgpuDevice gpu: RopeGpu.Run(gpu, x, t, rows); break;
            default: throw device.Unsupported("Rope");
        }
    }
}
