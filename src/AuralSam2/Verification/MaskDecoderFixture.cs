using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>
/// Kind mask_decoder: prompts of several scenarios (points, boxes, masks, nothing) through prompt encoder and decoder, and through the
/// choice of a mask with (mm1) and without (mm0) multimask output.
/// </summary>
internal static partial class MaskDecoderFixture
{
    private const double MaskScale = 8;

    public static void Run(Device device, StageComparison comparison, CancellationToken cancellation)
    {
        var fixture = comparison.Fixture;
        var config = fixture.Sam2();
        using var weights = fixture.Weights();
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        var modules = new Modules(
            device, comparison, config, new ImageEncoder(config, binder), new PromptEncoder(config, binder),
            new MaskDecoder(binder), new SamHeads(config, binder), new MemoryWeights(config, binder));
        modules.Run(cancellation);
    }

    private sealed record Modules(
        Device Device, StageComparison Comparison, Sam2Config Config,
        ImageEncoder ImageEncoder, PromptEncoder PromptEncoder, MaskDecoder MaskDecoder, SamHeads Heads, MemoryWeights Memory)
    {
        private int Cells => Config.Grid * Config.Grid;

        public void Run(CancellationToken cancellation)
        {
            using var scope = Device.Scope();
            var observe = Comparison.Observer();
            Tensor image = Device.Rent(Cells, FpnNeck.Channels);
            var (channels4, channels8) = MaskDecoder.HighResChannels;
            Tensor stride4 = Device.Rent(4 * Config.Grid, 4 * Config.Grid, channels4),
                stride8 = Device.Rent(2 * Config.Grid, 2 * Config.Grid, channels8);
            Encode(image, stride4, stride8);
            observe("image_embed_plus_no_mem", image.Reshape(Config.Grid, Config.Grid, FpnNeck.Channels), StageLayout.Map);
            observe("dense_pe", PromptEncoder.DensePositions.Reshape(Config.Grid, Config.Grid, FpnNeck.Channels), StageLayout.Map);

            var fixture = Comparison.Fixture;
            string[] scenarios = [.. fixture.Stages.Where(s => s.EndsWith(".sparse", StringComparison.Ordinal)).Select(s => s[..^".sparse".Length])];
            string[] selections =
            [
                .. fixture.Stages.Select(s => SelectionName().Match(s)).Where(m => m.Success).Select(m => m.Groups[1].Value).Distinct(),
            ];
            foreach (var scenario in scenarios)
            {
                cancellation.ThrowIfCancellationRequested();
                Decode(scenario, [.. selections.Where(s => ScenarioOf(s, scenarios) == scenario)], image, stride4, stride8);
            }
        }

        /// <summary>
        /// A choice is made from its own scenario, or from the one whose name it prolongs: pt1_thresh0.9 from pt1, box_pt_thresh0.9 from
        /// box_pt.
        /// </summary>
        private static string? ScenarioOf(string selection, string[] scenarios) => scenarios
            .Where(s => selection == s || selection.StartsWith(s + "_", StringComparison.Ordinal)).MaxBy(s => s.Length);

        /// <summary>The image as a frame without memory.</summary>
        private void Encode(Tensor image, Tensor stride4, Tensor stride8)
        {
            using var scope = Device.Scope();
            var input = Device.Rent(Config.ImageSize, Config.ImageSize, 3);
            Device.Upload(Comparison.Fixture.Map("input.image", ImageEncoderFixture.ImageScale, 1, 3, Config.ImageSize), input);
            var levels = ImageEncoder.Forward(input);
            MaskDecoder.HighResolution(levels, stride4, stride8);
            Elementwise.Add(Device, levels[2].Reshape(Cells, FpnNeck.Channels), Memory.NoMemory, image);
        }

        private void Decode(string scenario, string[] selections, Tensor image, Tensor stride4, Tensor stride8)
        {
            using var scope = Device.Scope();
            var observe = Comparison.Observer(scenario + ".");
            var sparse = Sparse(scenario);
            if (!sparse.IsEmpty) observe("sparse", sparse);
            else Comparison.Compare(scenario + ".sparse", []);
            Tensor dense = Device.Rent(Cells, FpnNeck.Channels), source = Device.Rent(Cells, FpnNeck.Channels);
            var mask = MaskPrompt(scenario, dense);
            PromptEncoder.Dense(mask, dense);
            observe("dense", dense.Reshape(Config.Grid, Config.Grid, FpnNeck.Channels), StageLayout.Map);
            PromptEncoder.AddDense(image, mask, source);
            var inside = Comparison.Stores(scenario + ".dec.transformer.out0") ? Comparison.Observer(scenario + ".dec.") : null;
            var decoded = MaskDecoder.Forward(source, PromptEncoder.DensePositions, sparse, stride4, stride8, audio: null, name: "", inside);
            observe("masks4", decoded.Masks);
            Comparison.Compare(scenario + ".iou4", Device.Download(decoded.Ious));
            observe("mask_tokens_out", decoded.MaskTokens);
            Comparison.Compare(scenario + ".obj_logit", Device.Download(decoded.ObjectLogit));
            foreach (var selection in selections) Select(selection, decoded);
        }

        private Tensor Sparse(string scenario)
        {
            var shape = Comparison.Fixture.ShapeOf(scenario + ".sparse");
            if (shape[^2] == 0) return default;
            var tokens = Comparison.Fixture.File.ReadFloats(scenario + ".sparse");
            var points = new PromptPoint[shape[^2]];
            for (var i = 0; i < points.Length; i++)
                points[i] = PromptRecovery.Find(tokens.AsSpan(i * PromptEncoder.Channels, PromptEncoder.Channels), PromptEncoder, Config.ImageSize);
            return PromptEncoder.Sparse(points, pad: false);
        }

        /// <summary>A scenario has a mask where its dense prompt is not the learned vector for none; the note may say how the mask is made.</summary>
        private Tensor MaskPrompt(string scenario, Tensor dense)
        {
            PromptEncoder.Dense(default, dense);
            var values = new float[dense.Length];
            Device.Download(dense, values);
            if (Comparison.ShareOver(
                    scenario + ".dense", values, StageLayout.Map, new Shape(Config.Grid, Config.Grid, FpnNeck.Channels)) < 0.5)
                return default;
            var fixture = Comparison.Fixture;
            var name = fixture.Find(MaskInput()) is { Success: true } told ? told.Value : "input.mask_prompt";
            var mask = Device.Rent(4 * Config.Grid, 4 * Config.Grid);
            Device.Upload(fixture.Input(name, MaskScale, mask.Length), mask);
            return mask;
        }

        /// <summary>Both ways of choosing. The scenario's name may change a threshold or the object logit.</summary>
        private void Select(string selection, in DecodedMasks decoded)
        {
            var (dynamic, threshold) = Stability(Comparison.Fixture.Metadata("config"));
            if (Regex.Match(selection, "_thresh([0-9.]+)") is { Success: true } changed)
                threshold = float.Parse(changed.Groups[1].Value, CultureInfo.InvariantCulture);
            var lowered = Regex.Match(selection, "_biasminus([0-9.]+)") is { Success: true } bias
                ? float.Parse(bias.Groups[1].Value, CultureInfo.InvariantCulture)
                : 0f;
            for (var multimask = 0; multimask <= 1; multimask++)
            {
                using var scope = Device.Scope();
                var masks = Device.Rent(MaskDecoder.Masks, 4 * Config.Grid, 4 * Config.Grid); // choosing may overwrite them
                Device.Copy(decoded.Masks, masks);
                var options = new SelectionOptions
                {
                    Multimask = multimask == 1,
                    DynamicViaStability = dynamic,
                    StabilityThreshold = threshold,
                    MaskAbsentObjects = true,
                };
                var objectLogit = Device.Rent(1, 1);
                Elementwise.Map(Device, decoded.ObjectLogit, objectLogit, Activation.None, shift: -lowered);
                var selected = Heads.Select(decoded with { Masks = masks, ObjectLogit = objectLogit }, options);
                var prefix = $"{selection}.mm{multimask}.";
                var observe = Comparison.Observer(prefix);
                observe("low_res_multimasks", selected.LowMasks);
                Comparison.Compare(prefix + "ious", Device.Download(selected.Ious));
                observe("low_res_masks", selected.LowMask);
                observe("high_res_masks", selected.HighMask);
                observe("obj_ptr", selected.Pointer);
                Comparison.Compare(prefix + "object_score_logits", Device.Download(selected.ObjectLogit));
            }
        }

        private static (bool Dynamic, float Threshold) Stability(string config)
        {
            if (config.Length == 0) return (false, 0);
            using var document = JsonDocument.Parse(config);
            return document.RootElement.TryGetProperty("sam_mask_decoder_extra_args", out var extra) &&
                extra.TryGetProperty("dynamic_multimask_stability_thresh", out var threshold)
                ? (extra.GetProperty("dynamic_multimask_via_stability").GetBoolean(), threshold.GetSingle())
                : (false, 0);
        }
    }

    [GeneratedRegex(@"^(.+)\.mm[01]\.")]
    private static partial Regex SelectionName();

    [GeneratedRegex(@"input\.mask\w*")]
    private static partial Regex MaskInput();
}
