using System.Text.Json;

namespace AuralSam2.Bench.Torch;

/// <summary>Feature maps that the official implementation computed: samples of each stage in a safetensors file.</summary>
internal static class Fixture
{
    /// <summary>Largest difference between a stage's feature map and the file's sample of it, relative to the sample's largest value.</summary>
    /// <param name="path">A file with tensors <c>trunk.stage_out.N@sample</c>: element j is flat[j * 1000003 mod n] of [1, C, H, W].</param>
    /// <param name="stages">Feature maps, [H * W, C].</param>
    public static double RelativeDifference(string path, IReadOnlyList<(float[] Values, int Channels)> stages)
    {
        var file = File.ReadAllBytes(path);
        var headerLength = (int)BitConverter.ToInt64(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        var worst = 0.0;
        for (var stage = 0; stage < stages.Count; stage++)
        {
            if (!header.RootElement.TryGetProperty($"trunk.stage_out.{stage}@sample", out var entry))
                throw new InvalidDataException($"{path} has no sample of trunk.stage_out.{stage}");
            var range = entry.GetProperty("data_offsets");
            var (start, end) = (range[0].GetInt32(), range[1].GetInt32());
            var (values, channels) = stages[stage];
            var pixels = values.Length / channels;
            double difference = 0, largest = 0;
            for (var j = 0; j < (end - start) / sizeof(float); j++)
            {
                var expected = BitConverter.ToSingle(file, 8 + headerLength + start + (j * sizeof(float)));
                var (channel, pixel) = Math.DivRem((int)(j * 1000003L % values.Length), pixels);
                difference = Math.Max(difference, Math.Abs(values[(pixel * channels) + channel] - expected));
                largest = Math.Max(largest, Math.Abs(expected));
            }

            worst = Math.Max(worst, difference / largest);
        }

        return worst;
    }
}
