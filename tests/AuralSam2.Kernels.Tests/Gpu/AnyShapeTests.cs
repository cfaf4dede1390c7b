using AuralSam2.Kernels.Ops;
using CsCheck;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Shapes nobody thought of: GPU kernels, on the emulator, against the processor's.</summary>
public sealed class AnyShapeTests : IDisposable
{
    private const int Tries = 60;

    private readonly CpuDevice processor = new(1);
    private readonly PatientDevices emulator = new(new EmulatorDevice());

    /// <summary>Operands start at any float of a buffer and have any gap between rows, so that every kind of alignment occurs.</summary>
    private static readonly Gen<(int Offset, int Gap)> Place = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 4]);

    public void Dispose()
    {
        emulator.Dispose();
        processor.Dispose();
    }

    [Fact]
    public void Add_OfAnyShape() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 4], Gen.Int[1, 11], Place, Place, Place).Sample(
            (repeats, rows, columns, a, b, y) => Agree(
                new Shape(repeats * rows, columns), y, 2e-7f,
                (device, result) => Elementwise.Add(
                    device, Filled(device, new Shape(repeats * rows, columns), a), Filled(device, new Shape(rows, columns), b), result, 3)),
            iter: Tries, threads: 1);

    [Fact]
    public void Map_OfAnyShape() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 11], Gen.Enum<Activation>(), Place, Place).Sample(
            (rows, columns, activation, x, y) => Agree(
                new Shape(rows, columns), y, 1e-6f,
                (device, result) => Elementwise.Map(device, Filled(device, new Shape(rows, columns), x), result, activation, 2, 0.25f)),
            iter: Tries, threads: 1);

    [Fact]
    public void DepthwiseConv2d_OfAnyShape() =>
        Gen.Select(Gen.Int[1, 2], Gen.Int[1, 6], Gen.Int[1, 20], Gen.Int[1, 9], Gen.Int[0, 4], Gen.Int[0, 4]).Sample(
            (images, height, width, channels, half, offset) => Agree(
                new Shape(images, height, width, channels), (offset, 0), 1e-5f,
                (device, result) =>
                {
                    var taps = ((2 * half) + 1) * ((2 * half) + 1);
                    using var weights = DepthwiseConv2d.Pack(device, Values(channels * taps), Values(channels));
                    DepthwiseConv2d.Forward(device, Filled(device, result.Shape, (offset, 0)), weights, result);
                }),
            iter: Tries, threads: 1);

    [Fact]
    public void MaxPool2x2_OfAnyShape() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 7], Gen.Int[1, 7], Gen.Int[1, 9], Gen.Int[0, 4]).Sample(
            (images, height, width, channels, offset) => Agree(
                new Shape(images, height / 2, width / 2, channels), (0, 0), 0,
                (device, result) => MaxPool2x2.Forward(
                    device, Filled(device, new Shape(images, height, width, channels), (offset, 0)), result)),
            iter: Tries, threads: 1);

    [Fact]
    public void Transpose_OfAnyShape() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 70], Gen.Int[1, 70], Gen.Int[0, 4], Gen.Int[0, 4]).Sample(
            (batch, rows, columns, x, y) => Agree(
                new Shape(batch, columns, rows), (y, 0), 0,
                (device, result) => Transpose.Forward(device, Filled(device, new Shape(batch, rows, columns), (x, 0)), result)),
            iter: Tries / 3, threads: 1);

    [Fact]
    public void MaskProduct_OfAnyShape() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 20], Gen.Int[1, 40], Place, Place).Sample(
            (masks, pixels, channels, x, y) => Agree(
                new Shape(masks, pixels), (y.Offset, 0), 1e-6f,
                (device, result) => MaskProduct.Forward(
                    device, Filled(device, new Shape(masks, channels), x), Filled(device, new Shape(pixels, channels), y), result)),
            iter: Tries, threads: 1);

    [Fact]
    public void Resize_OfAnyShape() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 12], Gen.Int[1, 12], Gen.Enum<ResizeMode>(), Gen.Int[0, 4])
            .Sample(
            (planes, height, width, newHeight, newWidth, mode, offset) => Agree(
                new Shape(planes, newHeight, newWidth), (offset, 0), 1e-6f,
                (device, result) => Resize.Forward(device, Filled(device, new Shape(planes, height, width), (offset, 0)), result, mode)),
            iter: 2 * Tries, threads: 1);

    [Fact]
    public void L2Normalize_OfAnyShape() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[1, 40], Place, Place).Sample(
            (rows, columns, x, y) => Agree(
                new Shape(rows, columns), y, 2e-7f,
                (device, result) => L2Normalize.Forward(device, Filled(device, new Shape(rows, columns), x), result)),
            iter: Tries, threads: 1);

    private static float[] Values(long count) => [.. Enumerable.Range(0, (int)count).Select(i => MathF.Sin((i * i) + (0.7f * i)))];

    private static Tensor Filled(Device device, Shape shape, (int Offset, int Gap) place)
    {
        var tensor = Rented(device, shape, place);
        device.Upload(Values(tensor.Length), tensor);
        return tensor;
    }

    private static Tensor Rented(Device device, Shape shape, (int Offset, int Gap) place)
    {
        var stride = shape.Columns + place.Gap;
        var room = device.Rent(place.Offset + (shape.Rows * stride));
        return new Tensor(room.Buffer, room.Offset + place.Offset, shape, stride);
    }

    /// <summary>Both devices give the same, to a share of the largest magnitude.</summary>
    private void Agree(Shape shape, (int Offset, int Gap) place, float tolerance, Action<Device, Tensor> op)
    {
        float[] On(Device device)
        {
            using var scope = device.Scope();
            var y = Rented(device, shape, place);
            device.Fill(y, float.NaN);
            op(device, y);
            return device.Download(y);
        }

        var expected = On(processor);
        tolerance *= expected.Select(MathF.Abs).DefaultIfEmpty(0).Max();
        emulator.Each(device =>
        {
            var found = On(device);
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], tolerance);
        });
    }
}
