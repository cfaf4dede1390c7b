using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>
/// Proves the engine on this machine: recognises a fixture by its metadata, rebuilds its weights and inputs by rule, runs the model, and
/// compares every stage with what the reference implementation computed.
/// </summary>
public static class FixtureVerifier
{
    /// <summary>Error allowed where a module is compared alone, relative to a tensor's largest magnitude.</summary>
    private const double ModuleBudget = 2e-5;

    /// <summary>Error allowed where a whole clip has been tracked.</summary>
    private const double ClipBudget = 1e-4;

    /// <summary>Error allowed in losses and their gradients.</summary>
    private const double LossBudget = 1e-5;

    /// <summary>Verifies one file.</summary>
    /// <param name="device">Where the model runs.</param>
    /// <param name="path">A fixture: safetensors with the metadata kind, model and seed.</param>
    /// <param name="cancellation">Looked at between stages.</param>
    /// <exception cref="WeightsException">The file cannot be read, or is not a fixture.</exception>
    public static FixtureReport Verify(Device device, string path, CancellationToken cancellation = default) =>
        Verify(device, path, provesTraining: false, cancellation);

    /// <summary>
    /// Verifies a file of kind training and more: a run that is saved halfway and goes on in a learner of its own ends with the same bits
    /// as one that is not (stages <c>resume.losses</c>, <c>resume.parameters</c>, <c>resume.optimizer</c>).
    /// </summary>
    /// <param name="device">Where the model trains.</param>
    /// <param name="path">A fixture of kind training.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <exception cref="WeightsException">The file cannot be read, or is not such a fixture.</exception>
    public static FixtureReport VerifyTraining(Device device, string path, CancellationToken cancellation = default) =>
        Verify(device, path, provesTraining: true, cancellation);

    private static FixtureReport Verify(Device device, string path, bool provesTraining, CancellationToken cancellation)
    {
        using var fixture = new Fixture(path);
        if (fixture.Kind.Length == 0) throw new WeightsException($"{path}: this is no fixture: its metadata has no 'kind'");
        if (provesTraining && fixture.Kind != "training")
            throw new WeightsException($"{path}: a fixture of kind '{fixture.Kind}'; --training wants one of kind 'training'");
        var comparison = new StageComparison(
            fixture, device, fixture.Kind switch { "aural" or "video" => ClipBudget, "losses" => LossBudget, _ => ModuleBudget });
        try
        {
            switch (fixture.Kind)
            {
                case "image_encoder": ImageEncoderFixture.Run(device, comparison); break;
                case "mask_decoder": MaskDecoderFixture.Run(device, comparison, cancellation); break;
                case "vggish": VggishFixture.Run(device, comparison); break;
                case "aural": AuralFixture.Run(device, comparison, cancellation); break;
                case "losses": LossesFixture.Run(device, comparison); break;
                case "memory_modules": MemoryModulesFixture.Run(device, comparison); break;
                case "training": TrainingFixture.Run(device, comparison, cancellation, provesTraining); break;
                case "video": VideoFixture.Run(device, comparison, cancellation); break;
                default:
                    return new FixtureReport(
                        path, fixture.Kind, fixture.Model, FixtureVerdict.Unsupported, [], [.. fixture.Stages], 0,
                        $"fixtures of kind '{fixture.Kind}' are not supported yet");
            }
        }
        catch (Exception error) when (error is ArgumentException or FormatException or OverflowException or IndexOutOfRangeException or JsonException)
        {
            throw new WeightsException($"{path}: what it holds does not fit a fixture of kind '{fixture.Kind}' ({error.Message})", error);
        }

        return comparison.Report();
    }
}
