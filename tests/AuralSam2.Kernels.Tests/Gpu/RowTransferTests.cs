using CsCheck;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Copies and fills of any shape, at any offset and with any gaps between rows: what lies around them must stay.</summary>
public sealed class RowTransferTests
{
    private static readonly Gen<(int Offset, int Gap)> Place = Gen.Select(Gen.Int[0, 5], Gen.Int[0, 5]);

    [Theory, InlineData(1), InlineData(4)]
    public void MovesWhatItShallAndNothingElse(int groupSize)
    {
        using var devices = new PatientDevices(new EmulatorDevice(groupSize));
        devices.Each(device => Gen.Select(Gen.Int[0, 5], Gen.Int[0, 11], Place, Place).Sample(
            (rows, columns, from, to) =>
            {
                using DeviceBuffer source = device.Allocate(128), target = device.Allocate(128);
                device.Upload([.. Enumerable.Range(0, 128).Select(i => (float)i)], source.View(128));
                device.Fill(target.View(128), -1);

                device.Copy(new Tensor(source, from.Offset, new Shape(rows, columns), columns + from.Gap), View(target));
                var values = device.Download(target.View(128));
                for (var i = 0; i < values.Length; i++)
                    Assert.Equal(Inside(i, out var row, out var column) ? from.Offset + (row * (columns + from.Gap)) + column : -1, values[i]);

                device.Fill(View(target), 500);
                values = device.Download(target.View(128));
                for (var i = 0; i < values.Length; i++) Assert.Equal(Inside(i, out _, out _) ? 500 : -1, values[i]);

                Tensor View(DeviceBuffer buffer) => new(buffer, to.Offset, new Shape(rows, columns), columns + to.Gap);
                bool Inside(int at, out int row, out int column)
                {
                    (row, column) = columns + to.Gap == 0 ? (-1, 0) : ((at - to.Offset) / (columns + to.Gap), (at - to.Offset) % (columns + to.Gap));
                    return at >= to.Offset && row < rows && column < columns && row >= 0;
                }
            },
            iter: 100, threads: 1));
    }
}
