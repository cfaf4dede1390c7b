using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>Kind memory_modules: memory attention, memory encoder, rotary angles, and the time encoding of object pointers.</summary>
internal static class MemoryModulesFixture
{
    private const int Channels = FpnNeck.Channels;
    private const int MemoryChannels = MemoryEncoder.MemoryChannels;

    public static void Run(Device device, StageComparison comparison)
    {
        var fixture = comparison.Fixture;
        var grid = (int)Math.Sqrt(fixture.ShapeOf("memattn.out")[0]);
        var config = fixture.Sam2() with { ImageSize = 16 * grid };
        using var weights = fixture.Weights();
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        var attention = new MemoryAttention(config, binder);
        var encoder = new MemoryEncoder(binder);
        var memory = new MemoryWeights(config, binder);
        using var scope = device.Scope();
        var observe = comparison.Observer();

        observe("rope.freqs_cis_real", attention.Angles.Cos);
        observe("rope.freqs_cis_imag", attention.Angles.Sin);
        var tokens = fixture.ShapeOf("memattn.layers.0.cross_attn_image.k_proj")[1];
        var pointerTokens = tokens % (grid * grid); // whole frames, then pointers
        attention.Forward(
            Input("curr", 1, grid * grid, Channels), Input("curr_pos", 1, grid * grid, Channels), Input("memory", 1, tokens, MemoryChannels), Input("memory_pos", 1, tokens, MemoryChannels),
            pointerTokens, device.Rent(grid * grid, Channels), "memattn", observe);

        var image = device.Rent(grid, grid, Channels);
        device.Upload(fixture.Map("input.mem.pix", 1, 1, Channels, grid), image);
        var mask = Input("mask", 10, config.ImageSize * config.ImageSize, 1).Reshape(config.ImageSize, config.ImageSize, 1);
        encoder.Forward(image, mask, device.Rent(grid, grid, MemoryChannels), "memenc", observe);
        var positions = PositionEncoding.Sine2D(grid, grid, MemoryChannels);
        comparison.Compare("memenc.position_encoding", positions, StageLayout.Map, new Shape(grid, grid, MemoryChannels), 0);
        comparison.Compare("memenc.pos", positions, StageLayout.Map, new Shape(grid, grid, MemoryChannels), 0);

        var distances = PointerDistances(fixture);
        memory.PointerPositions(device, distances, device.Rent(4 * distances.Length, MemoryChannels), observe);

        Tensor Input(string name, double scale, int rows, int columns)
        {
            var tensor = device.Rent(rows, columns);
            device.Upload(fixture.Input("input.mem." + name, scale, tensor.Length), tensor);
            return tensor;
        }
    }

    /// <summary>The distances behind the stored encoding: its lowest frequency is 1, so sine and cosine of the distance itself are stored.</summary>
    private static float[] PointerDistances(Fixture fixture)
    {
        var shape = fixture.ShapeOf("ptr_tpos_sine");
        var stored = fixture.File.ReadFloats("ptr_tpos_sine");
        var distances = new float[shape[0]];
        for (var i = 0; i < distances.Length; i++)
            distances[i] = (float)Math.Atan2(stored[i * shape[1]], stored[(i * shape[1]) + (shape[1] / 2)]);
        return distances;
    }
}
