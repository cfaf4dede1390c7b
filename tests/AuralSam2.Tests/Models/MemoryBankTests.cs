using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Models;

/// <summary>What a frame sees of the others (SPEC 7). Every memory is filled with its frame's number, so its place can be read off.</summary>
public sealed class MemoryBankTests : IDisposable
{
    private const int Cells = 16;
    private const int Channels = 64;

    private readonly CpuDevice device = new(1);
    private readonly ParameterBinder binder;
    private readonly MemoryWeights weights;
    private readonly float[] time;

    public MemoryBankTests()
    {
        binder = new ParameterBinder(device, new WeightReader(new RuleWeights()));
        weights = new MemoryWeights(Sam2Config.Named("mini", Sam2Version.V21, 64), binder);
        time = new float[7 * Channels];
        device.Download(weights.TimeEncoding, time);
    }

    public void Dispose()
    {
        binder.Dispose();
        device.Dispose();
    }

    [Theory]
    [InlineData(1, 25, new[] { 0 }, new[] { 0 })]
    [InlineData(3, 25, new[] { 0, 1, 2 }, new[] { 0, 2, 1 })]
    [InlineData(10, 25, new[] { 0, 4, 5, 6, 7, 8, 9 }, new[] { 0, 9, 8, 7, 6, 5, 4, 3, 2, 1 })]
    [InlineData(24, 25, new[] { 0, 18, 19, 20, 21, 22, 23 }, new[] { 0, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9 })]
    [InlineData(4, 5, new[] { 0, 1, 2, 3 }, new[] { 0, 3, 2, 1 })]
    [InlineData(1, 2, new[] { 0 }, new[] { 0 })]
    public void A_frame_sees_the_first_the_six_before_and_up_to_sixteen_pointers(int frame, int frames, int[] spatial, int[] pointers)
    {
        using var bank = Filled(0, Enumerable.Range(0, frame), onlyPastPointers: true);
        Check(bank, frame, frames, spatial, pointers);
    }

    [Theory]
    [InlineData(true, new int[0])]
    [InlineData(false, new[] { 5 })]
    public void A_frame_before_the_conditioning_frame_sees_its_memory_and_perhaps_its_pointer(bool onlyPast, int[] pointers)
    {
        using var bank = Filled(5, [5], onlyPast);
        Check(bank, 0, 10, [5], pointers);
    }

    [Fact]
    public void Holes_are_passed_over()
    {
        using var bank = Filled(5, [5, 0, 1, 3], onlyPastPointers: true);
        Check(bank, 6, 10, [5, 0, 1, 3], [5, 3, 1, 0]);
    }

    private MemoryBank Filled(int conditioning, IEnumerable<int> order, bool onlyPastPointers)
    {
        var bank = new MemoryBank(device, weights, Cells, frames: 2, onlyPastPointers);
        foreach (var frame in order)
        {
            var entry = bank.Add(frame, frame == conditioning);
            device.Fill(entry.Features, frame);
            device.Fill(entry.Pointer, 1000 + frame);
        }

        return bank;
    }

    private void Check(MemoryBank bank, int frame, int frames, int[] spatial, int[] pointers)
    {
        using var scope = device.Scope();
        var grid = device.Rent(Cells, Channels);
        device.Fill(grid, 0.5f);
        Assert.Equal(4 * pointers.Length, bank.Gather(frame, frames, grid, out var memory, out var positions));
        float[] values = new float[memory.Length], codes = new float[positions.Length];
        device.Download(memory, values);
        device.Download(positions, codes);

        var expected = spatial.SelectMany(f => Enumerable.Repeat((float)f, Cells * Channels)).Concat(pointers.SelectMany(f => Enumerable.Repeat(1000f + f, 4 * Channels)));
        Assert.Equal(expected, values);
        for (var i = 0; i < spatial.Length; i++)
        {
            var code = i == 0 ? 6 : frame - spatial[i] - 1; // of the conditioning frame; of the frame before: 0
            for (var c = 0; c < Channels; c++) Assert.Equal(0.5f + time[(code * Channels) + c], codes[(i * Cells * Channels) + c], 6);
        }

        // All four tokens of a pointer have one code, and pointers of other distances another.
        float[][] tokens = [.. Enumerable.Range(0, 4 * pointers.Length).Select(i => codes.AsSpan((spatial.Length * Cells * Channels) + (i * Channels), Channels).ToArray())];
        for (var i = 0; i < tokens.Length; i++) Assert.Equal(tokens[i / 4 * 4], tokens[i]);
        var distances = pointers.Select(f => frame - f).Distinct().Count();
        Assert.Equal(distances, tokens.Select(t => string.Join(' ', t)).Distinct().Count());
    }
}
