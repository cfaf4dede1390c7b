using System.Globalization;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>Kind memory_modules: memory attention, memory encoder, rotary angles, and the time encoding of object pointers.</summary>
internal static partial class MemoryModulesFixture
{
    private const int Channels = FpnNeck.Channels;
    private const int MemoryChannels = MemoryEncoder.MemoryChannels;

    public static void Run(Device device, StageComparison comparison)
    {
        var fixture = comparison.Fixture;
        var cells = comparison.Stores("memattn.out")
            ? fixture.ShapeOf("memattn.out")[0]
            : fixture.ShapeOf("memenc.features")[2..].Aggregate(1, (n, d) => n * d);
        var grid = (int)Math.Sqrt(cells);
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
        if (comparison.Stores("memattn.out"))
        {
            var tokens = fixture.ShapeOf("memattn.layers.0.cross_attn_image.k_proj")[^2];
            var opening = attention.Open(Input("curr", 1, cells, Channels), Input("curr_pos", 1, cells, Channels), "memattn", observe);
            attention.Forward(
                opening, Input("memory", 1, tokens, MemoryChannels), Input("memory_pos", 1, tokens, MemoryChannels),
                PointerTokens(fixture, tokens, cells), device.Rent(cells, Channels), "memattn", observe);
        }

        var image = device.Rent(grid, grid, Channels);
        device.Upload(fixture.Map("input.mem.pix", 1, 1, Channels, grid), image);
        var mask = Input("mask", 10, config.ImageSize * config.ImageSize, 1).Reshape(config.ImageSize, config.ImageSize, 1);
        encoder.Forward(image, mask, device.Rent(grid, grid, MemoryChannels), "memenc", observe);
        var positions = PositionEncoding.Sine2D(grid, grid, MemoryChannels);
        comparison.Compare("memenc.position_encoding", positions, StageLayout.Map, new Shape(grid, grid, MemoryChannels), 0);
        comparison.Compare("memenc.pos", positions, StageLayout.Map, new Shape(grid, grid, MemoryChannels), 0);

        if (!comparison.Stores("ptr_tpos_sine")) return; // 2.0 knows no time
        var distances = PointerDistances(fixture);
        memory.PointerPositions(device, distances, device.Rent(4 * distances.Length, MemoryChannels), observe);

        Tensor Input(string name, double scale, int rows, int columns)
        {
            var tensor = device.Rent(rows, columns);
            device.Upload(fixture.Input("input.mem." + name, scale, tensor.Length), tensor);
            return tensor;
        }
    }

    /// <summary>
    /// How many of the last memory tokens are object pointers: what the note says, otherwise what is left over from whole frames.
    /// </summary>
    private static int PointerTokens(Fixture fixture, int tokens, int cells)
    {
        int?[] told = [Number(NotedPointers()), Number(NotedFrames()) is { } frames ? tokens - (frames * cells) : null];
        return told.FirstOrDefault(n => n >= 0 && n <= tokens && (tokens - n) % cells == 0) ?? tokens % cells;

        int? Number(Regex pattern) =>
            fixture.Find(pattern) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>
    /// The distances behind the stored encoding. Its highest frequency is 1, which tells them exactly but for whole turns; those are
    /// counted by its lowest.
    /// </summary>
    private static float[] PointerDistances(Fixture fixture)
    {
        var shape = fixture.ShapeOf("ptr_tpos_sine");
        var stored = fixture.File.ReadFloats("ptr_tpos_sine");
        var (channels, half) = (shape[1], shape[1] / 2);
        var longest = Math.Pow(10000, 2.0 * ((half - 1) / 2) / half);
        var distances = new float[shape[0]];
        for (var i = 0; i < distances.Length; i++)
        {
            var row = stored.AsSpan(i * channels, channels);
            var coarse = longest * Math.Atan2(row[half - 1], row[^1]);
            var exact = Math.Atan2(row[0], row[half]);
            distances[i] = (float)(exact + (2 * Math.PI * Math.Round((coarse - exact) / (2 * Math.PI))));
        }

        return distances;
    }

    [GeneratedRegex(@"(\d+)\s+(?:obj\w*[-_ ])?(?:pointer|ptr)s?[-_ ]tokens?")]
    private static partial Regex NotedPointers();

    [GeneratedRegex(@"(\d+)\s+(?:memory[-_ ])?frames?\s*[x*]")]
    private static partial Regex NotedFrames();
}
