using System.Runtime.InteropServices;
using AuralSam2.Kernels;
using AuralSam2.Testing;
using AuralSam2.Tests.Weights;
using AuralSam2.Training;
using AuralSam2.Verification;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Verification;

/// <summary>A wrong gradient fails; the forms of AudioCon that no fixture holds; the published sampling in small.</summary>
public sealed class LossesFixtureTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CpuDevice device = new(2);

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("sam.grad_logits.1")]
    [InlineData("sam.grad_iou.0")]
    [InlineData("con.reverse.grad_v.2")]
    [InlineData("con.easyhard.grad_a.1")]
    [InlineData("nce.grad_anchor")]
    public void A_gradient_that_differs_by_a_ten_thousandth_fails(string stage)
    {
        using (var file = SafetensorsFile.Open(Repository.Golden("g_losses.safetensors")))
        {
            float[] values = [.. MemoryMarshal.Cast<byte, float>(file.RawBytes(stage))];
            values[1] += 1e-4f * values.Max(Math.Abs);
            SafetensorsWriter.Write(folder.File("broken.safetensors"), file.Metadata, file.Tensors.Keys.Select(
                n => n == stage ? SafetensorsTensor.Of(n, [.. file.Tensors[n].Shape], values) : SafetensorsTensor.Of(file, n)));
        }

        var report = FixtureVerifier.Verify(device, folder.File("broken.safetensors"));
        Assert.Equal(FixtureVerdict.Failed, report.Verdict);
        Assert.Equal(stage, Assert.Single(report.Stages, s => !s.Passed).Stage);
    }

    [Fact]
    public void Samples_take_labels_by_their_number_in_the_wrong_list()
    {
        int[] labels = [0, 1, 0, 1];
        int[] Identity(int count) => [.. Enumerable.Range(0, count)];
        var published = AudioConSampling.Sample(labels, new float[] { 9, 9, 9, 9 }, 8, Identity, publishedLabels: true);
        Assert.Equal([new(0, 0), new(2, 1), new(1, 0), new(3, 1)], published);
        var right = AudioConSampling.Sample(labels, new float[] { 9, 9, 9, 9 }, 8, Identity, publishedLabels: false);
        Assert.Equal([new(0, 0), new(2, 0), new(1, 1), new(3, 1)], right);
    }

    [Fact]
    public void The_larger_kind_makes_up_for_the_other()
    {
        int[] Identity(int count) => [.. Enumerable.Range(0, count)];
        var hard = AudioConSampling.Sample(new int[100], Enumerable.Repeat(5f, 100).ToArray(), 4, Identity, publishedLabels: true);
        Assert.Equal(12, hard.Count); // 4, and twice 4 for the easy ones that there are not
        var mixed = AudioConSampling.Sample(new int[100], [.. Enumerable.Range(0, 100).Select(i => i < 2 ? 0f : 5f)], 4, Identity, publishedLabels: true);
        Assert.Equal(12, mixed.Count); // 4 and 6 hard, 2 easy
    }

    [Fact]
    public void Permutations_are_those_of_seed_and_step()
    {
        StepPermutations a = new(3, 5), b = new(3, 5), c = new(3, 6);
        var (first, second) = (a.Next(100), a.Next(100));
        Assert.Equal(Enumerable.Range(0, 100), first.Order());
        Assert.NotEqual(first, second);
        Assert.Equal(first, b.Next(100));
        Assert.NotEqual(first, c.Next(100));
    }

    [Fact]
    public void The_papers_form_is_equation_8()
    {
        // One frame of 2x2 cells: the first is the object. One sound, two channels.
        float[] seen = [1, 0, 0, 1, 0.6f, 0.8f, -1, 0], heard = [0.8f, 0.6f];
        double S(int cell) => ((seen[2 * cell] * heard[0]) + (seen[(2 * cell) + 1] * heard[1])) / 0.1;
        var expected = -(S(0) - Math.Log(Enumerable.Range(0, 4).Sum(c => Math.Exp(S(c)))));
        Assert.Equal(expected, Loss(AudioConForm.Paper, seen, heard), 1e-5 * expected);
    }

    [Fact]
    public void Without_a_form_there_is_no_loss() => Assert.Equal(0, Loss(AudioConForm.None, new float[8], new float[2]));

    private double Loss(AudioConForm form, float[] seen, float[] heard)
    {
        using var scope = device.Scope();
        Tensor cells = device.Rent(1, 4, 2), sounds = device.Rent(1, 2), loss = device.Rent(1);
        device.Upload(seen, cells);
        device.Upload(heard, sounds);
        device.Fill(loss, 0);
        new AudioCon(device, form, 4).Forward(
            [new AudioConLevel(cells, sounds)], [new AudioConFrame([1, 0, 0, 0], 2, [5], 1)], n => [.. Enumerable.Range(0, n)], loss);
        return device.Download(loss)[0];
    }
}
