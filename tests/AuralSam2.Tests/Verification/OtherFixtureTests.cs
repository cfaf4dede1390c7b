using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Tests.Weights;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Verification;

/// <summary>
/// Fixtures of the same form as the recorded ones with other seeds, sizes and wordings. They are made here by running the modules one by
/// one, so they show that the verifier reads them rightly, not that the numbers are right.
/// </summary>
public sealed class OtherFixtureTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CpuDevice device = new(2);
    private readonly StageRecorder recorder;

    public OtherFixtureTests() => recorder = new StageRecorder(device);

    private string File => folder.File("fixture.safetensors");

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("sam2.1_mini", 64, "", 2.0, "config")]
    [InlineData("sam2.1_mini", 96, "seed-2", 2.0, "config")]
    [InlineData("sam2_mini", 224, "ü", 0.5, "input")]
    [InlineData("sam2.1_mini", 256, "x", 2.0, "shapes")]
    [InlineData("sam2.1_mini", 512, "x", 2.0, "input")]
    [InlineData("sam2_hiera_t", 224, "9", 2.0, "input")]
    [InlineData("sam2.1_hiera_l", 64, "", 2.0, "config")]
    public void Image_encoder(string model, int size, string seed, double scale, string sizeFrom)
    {
        var config = ConfigOf(model, size);
        using var weights = new RuleWeights(seed);
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        var encoder = new ImageEncoder(config, binder);
        var decoder = new MaskDecoder(binder);
        using (device.Scope())
        {
            var observe = recorder.Observer();
            var levels = encoder.Forward(Map(seed, "input.image", scale, 3, size, 0), observe);
            Tensor stride4 = device.Rent(size / 4, size / 4, 32), stride8 = device.Rent(size / 8, size / 8, 64);
            decoder.HighResolution(levels, stride4, stride8);
            observe("high_res.0", stride4, StageLayout.Map);
            observe("high_res.1", stride8, StageLayout.Map);
        }

        var metadata = Metadata("image_encoder", model, seed);
        if (sizeFrom == "config") metadata["config"] = ConfigText(config);
        if (sizeFrom == "input" || scale != 2) metadata["input"] = FormattableString.Invariant($"input.image (1,3,{size},{size}) scale {scale}");
        recorder.Write(File, metadata, sampleAbove: 20000);
        FixtureAssert.Passes(device, File);
    }

    [Fact]
    public void Shapes_of_samples_need_not_be_noted()
    {
        using var weights = new RuleWeights();
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        using (device.Scope()) new ImageEncoder(ConfigOf("sam2_mini", 128), binder).Forward(Map("", "input.image", 2, 3, 128, 0), recorder.Observer());
        recorder.Write(File, Metadata("image_encoder", "sam2_mini", ""), sampleAbove: 5000, noteShapes: false);
        FixtureAssert.Passes(device, File);
    }

    [Theory]
    [InlineData(64, "", "input.mask_prompt", 8.0)]
    [InlineData(160, "5", "input.mask_prompt_small", 3.0)]
    public void Mask_decoder(int size, string seed, string maskName, double maskScale)
    {
        var config = ConfigOf("sam2.1_mini", size);
        using var weights = new RuleWeights(seed);
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        ImageEncoder encoder = new(config, binder);
        PromptEncoder prompts = new(config, binder);
        MaskDecoder decoder = new(binder);
        SamHeads heads = new(config, binder);
        MemoryWeights memory = new(config, binder);
        (string Name, PromptPoint[] Points, bool Mask)[] scenarios =
        [
            ("nothing", [], false),
            ("far", [new(size - 1, 0.25f, PointLabel.Negative), new(0, size - 1, PointLabel.Positive)], false),
            ("box", [new(3, 5, PointLabel.BoxTopLeft), new(size - 9.5f, size, PointLabel.BoxBottomRight)], false),
            ("drawn", [new(0, 0, PointLabel.Padding)], true),
        ];
        using (device.Scope())
        {
            int grid = size / 16, cells = grid * grid;
            var levels = encoder.Forward(Map(seed, "input.image", 2, 3, size, 0));
            Tensor stride4 = device.Rent(4 * grid, 4 * grid, 32), stride8 = device.Rent(2 * grid, 2 * grid, 64), image = device.Rent(cells, 256);
            decoder.HighResolution(levels, stride4, stride8);
            Elementwise.Add(device, levels[2].Reshape(cells, 256), memory.NoMemory, image);
            foreach (var (name, points, drawn) in scenarios)
            {
                var observe = recorder.Observer(name + ".");
                var sparse = points.Length > 0 ? prompts.Sparse(points, pad: false) : default;
                if (points.Length > 0) observe("sparse", sparse);
                else recorder.Add(name + ".sparse", [1, 0, 256], []);
                Tensor mask = drawn ? device.Rent(4 * grid, 4 * grid) : default, dense = device.Rent(cells, 256), source = device.Rent(cells, 256);
                if (drawn) device.Upload(Rule(seed, maskName, maskScale, mask.Length), mask);
                prompts.Dense(mask, dense);
                observe("dense", dense.Reshape(grid, grid, 256), StageLayout.Map);
                prompts.AddDense(image, mask, source);
                var decoded = decoder.Forward(source, prompts.DensePositions, sparse, stride4, stride8);
                observe("masks4", decoded.Masks);
                recorder.Add(name + ".obj_logit", [1, 1], device.Download(decoded.ObjectLogit));
                observe("mm1.high_res_masks", heads.Select(decoded, new SelectionOptions { Multimask = true, MaskAbsentObjects = true }).HighMask);
            }
        }

        var metadata = Metadata("mask_decoder", "sam2.1_mini", seed);
        metadata["config"] = ConfigText(config);
        if (maskName != "input.mask_prompt") metadata["note"] = FormattableString.Invariant($"mask prompt = {maskName} (1,1,{size / 4},{size / 4}) scale {maskScale}; coordinates in pixels");
        recorder.Write(File, metadata);
        FixtureAssert.Passes(device, File);
    }

    [Theory]
    [InlineData("sam2_mini", 64, 1, FuserVariant.Avs, "", "[1,1,1]", "inputs: input.video scale2, input.spect scale 3")]
    [InlineData("sam2_mini", 128, 1, FuserVariant.Ref, "1", "[1,1,2]", "input.video (1,3,128,128) scale 1.5, input.spect scale 2, input.text (1,25,768) scale .25")]
    [InlineData("sam2.1_mini", 96, 3, FuserVariant.Avs, "2", null, "frames are rule tensors")]
    [InlineData("sam2_mini", 224, 2, FuserVariant.Ref, "3", "[2,1,1]", "pyramid input.fpn.{0,1,2} scale 1; sound input.spect (T,2,96,64) scale 3")]
    [InlineData("sam2_mini", 64, 7, FuserVariant.Avs, "4", "[0,1,1]", "input.video scale 2")]
    public void Clip(string model, int size, int frames, FuserVariant variant, string seed, string? depths, string note)
    {
        var config = ConfigOf(model, size);
        var fuser = new FuserConfig(variant, JsonSerializer.Deserialize<int[]>(depths ?? "[1,1,1]")!, 3);
        using var weights = new RuleWeights(seed);
        using (var network = AuralSam2Network.Load(device, config, fuser, weights))
        using (var window = new ClipWindow(network, frames))
        using (device.Scope())
        {
            var (pictures, sound, text) = note.Contains("scale 1.5", StringComparison.Ordinal) ? (1.5, 2.0, 0.25) : (2, 3, 0.5);
            for (var t = 0; t < frames; t++)
            {
                if (!note.Contains("input.fpn", StringComparison.Ordinal)) window.Encode(t, Map(seed, "input.video", pictures, 3, size, t));
                else window.Take(t, [.. Enumerable.Range(0, 3).Select(level => Map(seed, $"input.fpn.{level}", 1, 256, size >> (level + 2), t))]);
            }

            var examples = device.Rent(frames, 2, 96, 64);
            device.Upload(Rule(seed, "input.spect", sound, examples.Length), examples);
            var words = variant == FuserVariant.Ref ? device.Rent(25, 768) : default;
            if (!words.IsEmpty) device.Upload(Rule(seed, "input.text", text, words.Length), words);
            window.Fuse(frames, examples, words, recorder.Observer());
            Track(network, window, frames, frames / 2);
            if (frames > 1) Track(network, window, frames, 0);
        }

        var metadata = Metadata("aural", model, seed);
        (metadata["T"], metadata["variant"], metadata["note"]) = ($"{frames}", variant == FuserVariant.Ref ? "ref" : "avs", note);
        if (depths is not null) metadata["f_depths"] = depths;
        metadata["config"] = ConfigText(config);
        recorder.Write(File, metadata, sampleAbove: 4096);
        FixtureAssert.Passes(device, File);
    }

    [Theory]
    [InlineData("sam2.1_mini", 8, 1, 64, "memory = 1 frame x 64 spatial tokens + 64 object-pointer tokens")] // as many as a frame has cells
    [InlineData("sam2.1_mini", 8, 3, 64, "3 frames x 64 tokens, then pointers")]
    [InlineData("sam2.1_mini", 12, 2, 4, "")]
    [InlineData("sam2_mini", 4, 1, 0, "memory without pointers")]
    [InlineData("sam2.1_hiera_t", 6, 2, 12, "2 frames x 36 spatial tokens + 12 object-pointer tokens")]
    public void Memory_modules(string model, int grid, int memories, int pointerTokens, string note)
    {
        const string seed = "m";
        var config = ConfigOf(model, 16 * grid);
        using var weights = new RuleWeights(seed);
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        MemoryAttention attention = new(config, binder);
        MemoryEncoder encoder = new(binder);
        MemoryWeights memory = new(config, binder);
        using (device.Scope())
        {
            var observe = recorder.Observer();
            int cells = grid * grid, tokens = (memories * cells) + pointerTokens;
            Tensor Input(string name, double scale, int rows, int columns)
            {
                var tensor = device.Rent(rows, columns);
                device.Upload(Rule(seed, "input.mem." + name, scale, tensor.Length), tensor);
                return tensor;
            }

            attention.Forward(
                attention.Open(Input("curr", 1, cells, 256), Input("curr_pos", 1, cells, 256), "memattn", observe),
                Input("memory", 1, tokens, 64), Input("memory_pos", 1, tokens, 64), pointerTokens, device.Rent(cells, 256), "memattn", observe);
            var mask = Input("mask", 10, 256 * cells, 1).Reshape(16 * grid, 16 * grid, 1);
            encoder.Forward(Map(seed, "input.mem.pix", 1, 256, grid, 0), mask, device.Rent(grid, grid, 64), "memenc", observe);
            float[] distances = [0, 1, -1, 0.2f, 6, 15, -4]; // in frames or shares of the longest: the encoding takes any
            memory.PointerPositions(device, distances, device.Rent(4 * distances.Length, 64), observe);
        }

        var metadata = Metadata("memory_modules", model, seed);
        if (note.Length > 0) metadata["note"] = note;
        recorder.Write(File, metadata);
        FixtureAssert.Passes(device, File);
    }

    [Theory]
    [InlineData(48000, "int16 = clip(rint(32767*w)); w=0.5*sin(2pi(200 t + 0.5*1266.5 t^2)) + 0.1*(2u-1), u=rule unit(\"input.wave_noise\",48000)", 0.5, 200, 1266.5, 0.1)]
    [InlineData(20000, "w=0.25*sin(2pi(80 t + 0.5*60 t^2)) + 0.3*(2u-1), u=rule unit(\"input.wave_noise\",20000), t=i/16000", 0.25, 80, 60, 0.3)]
    [InlineData(80000, "", 0.5, 200, 760, 0.1)]
    public void Sound(int length, string formula, double amplitude, double start, double rate, double noise)
    {
        const string seed = "s";
        var samples = new float[length];
        for (var i = 0; i < length; i++)
        {
            var t = i / 16000.0;
            var w = (amplitude * Math.Sin(2 * Math.PI * ((start * t) + (0.5 * rate * t * t)))) + (noise * ((2 * RuleTensor.Unit(seed, "input.wave_noise", i)) - 1));
            samples[i] = (float)(Math.Round(32767 * w) / 32768);
        }

        recorder.Add("wave_int16_as_i32", [1000], [.. samples.Take(1000).Select(s => s * 32768)]);
        using var weights = new RuleWeights(seed);
        using (var binder = new ParameterBinder(device, new WeightReader(weights)))
        using (device.Scope())
        {
            var frames = LogMel.FrameCount(length);
            Tensor input = device.Rent(length), logMel = device.Rent(frames, LogMel.Bands);
            device.Upload(samples, input);
            LogMel.Forward(device, input, logMel);
            recorder.Add("log_mel_all_frames", [frames, LogMel.Bands], device.Download(logMel));
            var examples = logMel.Slice(0, frames / 96 * 96).Reshape(frames / 96, 96, LogMel.Bands, 1);
            new Vggish(binder, "aural_fuser.vgg").Forward(examples, device.Rent(frames / 96, 128), recorder.Observer());
        }

        var metadata = Metadata("vggish", "vggish", seed);
        if (formula.Length > 0) metadata["wave"] = formula;
        recorder.Write(File, metadata);
        FixtureAssert.Passes(device, File);
    }

    private void Track(AuralSam2Network network, ClipWindow window, int frames, int conditioning)
    {
        using var tracker = new SoundingObjectTracker(network, frames);
        var grid = network.Sam2.Config.Grid;
        foreach (var t in Enumerable.Range(0, frames).Where(t => t != conditioning).Prepend(conditioning))
        {
            using var scope = device.Scope();
            var prefix = $"cond{conditioning}.frame{t}.";
            var observe = recorder.Observer(prefix);
            var conditioned = device.Rent(grid * grid, 256);
            var selected = tracker.Track(window, t, t, t == conditioning, conditioned);
            observe("pix_feat_with_mem", conditioned.Reshape(grid, grid, 256), StageLayout.Map);
            observe("low_multi", selected.LowMasks);
            recorder.Add(prefix + "ious", [1, 3], device.Download(selected.Ious));
            observe("obj_ptr", selected.Pointer);
            observe("maskmem_features", tracker.MemoryOf(t).Features.Reshape(grid, grid, 64), StageLayout.Map);
        }
    }

    /// <summary>One frame of an input that fixtures make channel-first, <c>[frames, channels, edge, edge]</c>, as <c>[edge, edge, channels]</c>.</summary>
    private Tensor Map(string seed, string name, double scale, int channels, int edge, int frame)
    {
        var count = channels * edge * edge;
        var stored = new float[count];
        RuleTensor.Fill(seed, name, 0, scale, stored, (long)frame * count);
        var turned = new float[count];
        for (var i = 0; i < count; i++) turned[(i % (edge * edge) * channels) + (i / (edge * edge))] = stored[i];
        var tensor = device.Rent(edge, edge, channels);
        device.Upload(turned, tensor);
        return tensor;
    }

    private static float[] Rule(string seed, string name, double scale, long count)
    {
        var values = new float[count];
        RuleTensor.Fill(seed, name, 0, scale, values);
        return values;
    }

    private static Sam2Config ConfigOf(string model, int size) =>
        Sam2Config.Named(model[(model.LastIndexOf('_') + 1)..], model.StartsWith("sam2.1", StringComparison.Ordinal) ? Sam2Version.V21 : Sam2Version.V20, size);

    private static Dictionary<string, string> Metadata(string kind, string model, string seed)
    {
        var metadata = new Dictionary<string, string> { ["kind"] = kind, ["model"] = model };
        if (seed.Length > 0) metadata["seed"] = seed; // absent is empty
        return metadata;
    }

    /// <summary>The part of an official configuration that tells models apart; what equals the official default is left out, as there.</summary>
    private static string ConfigText(Sam2Config config) => JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["image_size"] = config.ImageSize,
        ["memory_attention"] = new Dictionary<string, object> { ["num_layers"] = config.MemoryLayers },
        ["image_encoder"] = new Dictionary<string, object>
        {
            ["trunk"] = new Dictionary<string, object>
            {
                ["embed_dim"] = config.Trunk.EmbedDim,
                ["num_heads"] = config.Trunk.Heads,
                ["stages"] = config.Trunk.Blocks,
                ["global_att_blocks"] = config.Trunk.GlobalBlocks,
                ["window_spec"] = config.Trunk.Windows,
                ["window_pos_embed_bkg_spatial_size"] = (int[])[config.Trunk.PositionEdge, config.Trunk.PositionEdge],
            },
        },
        ["only_obj_ptrs_in_the_past_for_eval"] = config.OnlyPastPointers,
        [config.Version == Sam2Version.V21 ? "no_obj_embed_spatial" : "compile_image_encoder"] = config.Version == Sam2Version.V21,
    });
}
