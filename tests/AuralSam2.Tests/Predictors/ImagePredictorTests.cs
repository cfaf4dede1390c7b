using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Testing;
using AuralSam2.Verification;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>Pictures and prompts as people have them.</summary>
public sealed class ImagePredictorTests : IDisposable
{
    private const int Width = 60;
    private const int Height = 44;

    private static readonly ImagePrompt Click = new() { Points = [new(20, 20)] };
    private static readonly ImagePrompt Boxed = new() { Box = new(10, 8, 50, 40) };

    private readonly MiniSam2 mini = new();
    private readonly ImagePredictor predictor;

    public ImagePredictorTests() => predictor = new ImagePredictor(mini.Model);

    public void Dispose()
    {
        Assert.Equal(0, mini.Device.Arena.OpenScopes);
        mini.Dispose();
    }

    /// <summary>
    /// What SAM2's decoder gave for the same features and prompts, and the same masks at the size of the picture. (The fixture's other
    /// prompts are none of the image predictor's: a box as an argument of its own, no points but padding.)
    /// </summary>
    [Theory]
    [InlineData("c_decoder_full_t", new[] { "pt1", "pt2", "box", "box_pt", "pt1_mask" })]
    [InlineData("b_mini_decoder", new[] { "pt1", "pt2", "box" })]
    public void Answers_are_those_of_the_fixtures(string name, string[] scenarios)
    {
        const double budget = 1e-4;
        using var device = new CpuDevice(2);
        using var fixture = new Fixture(Repository.Golden(name + ".safetensors"));
        var config = fixture.Sam2();
        using var weights = fixture.Weights();
        using var model = Sam2Model.Load(device, config, weights);
        var full = new ImagePredictor(model);
        var (size, low) = (config.ImageSize, 16 * config.Grid * config.Grid);
        using var image = full.Encode(
            size, size, input => device.Upload(fixture.Map("input.image", ImageEncoderFixture.ImageScale, 1, 3, size), input), default);
        var comparison = new StageComparison(fixture, device, budget);
        foreach (var scenario in scenarios)
        {
            var prompt = PromptOf(fixture, model, scenario) with
            {
                Earlier = scenario.Contains("mask", StringComparison.Ordinal) ? fixture.Input("input.mask_prompt_full", 8, low) : null,
            };
            var single = full.Predict(image, prompt, new ImagePredictOptions { Multimask = false, Logits = true });
            var three = full.Predict(image, prompt, new ImagePredictOptions { Logits = true });
            comparison.Compare(scenario + ".obj_logit", [three.ObjectScore]);
            comparison.Compare(scenario + ".mm1.low_res_multimasks", three.Masks.SelectMany(m => m.LowResolution).ToArray());
            comparison.Compare(scenario + ".mm1.ious", three.Masks.Select(m => m.PredictedIou).ToArray());
            comparison.Compare(scenario + ".mm1.high_res_masks", three.Best.Logits);
            comparison.Compare(scenario + ".mm0.low_res_masks", single.Best.LowResolution);
            comparison.Compare(scenario + ".mm0.ious", [single.Best.PredictedIou]);
            comparison.Compare(scenario + ".mm0.high_res_masks", single.Best.Logits);
            if (!fixture.File.Tensors.ContainsKey(scenario + ".masks4")) continue; // only samples: they were compared
            var four = fixture.File.ReadFloats(scenario + ".masks4");
            comparison.Compare(scenario + ".masks4", [.. four[..low], .. three.Masks.SelectMany(m => m.LowResolution)]);
            comparison.Compare(scenario + ".iou4", [fixture.File.ReadFloats(scenario + ".iou4")[0], .. three.Masks.Select(m => m.PredictedIou)]);
        }

        var report = comparison.Report();
        Assert.Equal(scenarios.Length * (name[0] == 'c' ? 7 : 3), report.Stages.Count);
        Assert.Equal(FixtureVerdict.Passed, report.Verdict);
    }

    [Fact]
    public void An_interactive_session_replayed()
    {
        using var modules = new OpHook(mini.Device);
        using var first = predictor.Encode(Picture());
        using var second = predictor.Encode(Picture(1, 31, 80));
        var clicked = predictor.Predict(first, Click);
        Assert.Equal(3, clicked.Masks.Count);
        Assert.All(clicked.Masks, m => Assert.Equal((Width * Height, 16 * 16), (m.Mask.Length, m.LowResolution.Length)));
        Assert.Equal(clicked.Masks.Max(m => m.PredictedIou), clicked.Best.PredictedIou);

        // A point off the object corrects what the first gave.
        var correction = Click with { Points = [new(20, 20), new(50, 5, IsOnObject: false)], Earlier = clicked.Best.LowResolution };
        var single = new ImagePredictOptions { Multimask = false };
        var corrected = Assert.Single(predictor.Predict(first, correction, single).Masks);
        var unguided = Assert.Single(predictor.Predict(first, correction with { Earlier = null }, single).Masks);
        Assert.NotEqual(unguided.LowResolution, corrected.LowResolution);
        Assert.NotEqual(clicked.Best.LowResolution, corrected.LowResolution);

        // Another picture in between, of another size, changes nothing.
        var elsewhere = predictor.Predict(second, new ImagePrompt { Box = new(2, 2, 20, 70) }).Best;
        Assert.Equal(31 * 80, elsewhere.Mask.Length);
        Same(clicked, predictor.Predict(first, Click));
        Assert.Equal(2, modules.Modules("image_encoder"));
        Assert.Equal(5, modules.Modules("sam_mask_decoder"));
    }

    [Fact]
    public void Prompts_of_a_batch_do_not_know_of_each_other()
    {
        using var image = predictor.Encode(Picture());
        ImagePrompt[] prompts = [Click, Boxed, Boxed with { Points = [new(3, 3, IsOnObject: false)] }, Click with { Points = [new(44, 30)] }];
        var together = predictor.Predict(image, prompts);
        Assert.Equal(4, together.Count);
        for (var i = 0; i < 4; i++) Same(predictor.Predict(image, prompts[i]), together[i]);
        Assert.Equal(4, together.Select(p => p.Best.LowResolution.Sum()).Distinct().Count());
        Assert.Empty(predictor.Predict(image, []));
    }

    [Fact]
    public void Masks_are_where_logits_are_above_zero_and_logits_come_on_request()
    {
        using var image = predictor.Encode(Picture());
        Assert.All(predictor.Predict(image, Click).Masks, m => Assert.Null(m.Logits));
        foreach (var mask in predictor.Predict(image, Click, new ImagePredictOptions { Logits = true }).Masks)
        {
            Assert.Equal(mask.Logits!.Select(l => l > 0 ? byte.MaxValue : byte.MinValue), mask.Mask);
            Assert.All(mask.LowResolution, l => Assert.InRange(l, -32, 32));
        }
    }

    /// <summary>On a picture of just the size of low-resolution masks a given mask is what its logits are: 10 on it and -10 off it.</summary>
    [Fact]
    public void A_mask_of_the_picture_s_size_is_a_prompt()
    {
        byte[] drawn = [.. Enumerable.Range(0, 16 * 16).Select(i => (byte)(i % 16 > 5 && i / 16 is > 3 and < 12 ? 1 : 0))];
        using var small = predictor.Encode(Picture(0, 16, 16));
        var given = predictor.Predict(small, new ImagePrompt { Mask = drawn });
        Same(predictor.Predict(small, new ImagePrompt { Earlier = [.. drawn.Select(m => m != 0 ? 10f : -10f)] }), given);

        // Six pixels to one: what a triangle twelve wide finds inside the picture. Two neighbours would miss the thin line.
        byte[] line = [.. Enumerable.Range(0, 96 * 96).Select(i => (byte)(i % 96 == 48 ? 1 : 0))];
        var reduced = new float[16 * 16];
        for (var column = 0; column < 16; column++)
        {
            double[] weights = [.. Enumerable.Range(0, 96).Select(x => Math.Max(0, 1 - (Math.Abs(x - (column * 6) - 2.5) / 6)))];
            for (var row = 0; row < 16; row++) reduced[(row * 16) + column] = (float)((20 * weights[48] / weights.Sum()) - 10);
        }

        using var wide = predictor.Encode(Picture(0, 96, 96));
        var (thin, known) = (predictor.Predict(wide, new ImagePrompt { Mask = line }).Best, predictor.Predict(wide, new ImagePrompt { Earlier = reduced }).Best);
        for (var i = 0; i < 256; i++) Assert.Equal(known.LowResolution[i], thin.LowResolution[i], 1e-3f);

        using var large = predictor.Encode(Picture());
        var square = new byte[Width * Height];
        for (var y = 10; y < 30; y++) square.AsSpan((y * Width) + 15, 20).Fill(255);
        var click = predictor.Predict(large, Click);
        Assert.NotEqual(click.Best.LowResolution, predictor.Predict(large, Click with { Mask = square }).Best.LowResolution);
        predictor.Predict(large, Click with { Mask = new byte[Width * Height] });
    }

    /// <summary>Any proportions: on a picture of one colour a prompt in the same relative place has the same answer.</summary>
    [Theory]
    [InlineData(64, 64)]
    [InlineData(31, 97)]
    [InlineData(201, 45)]
    [InlineData(1, 1)]
    [InlineData(3, 150)]
    public void Pictures_of_any_size(int width, int height)
    {
        using var square = predictor.Encode(Plain(50, 50));
        using var image = predictor.Encode(Plain(width, height));
        var prompt = new ImagePrompt { Points = [new(0.3f * width, 0.6f * height)], Box = new(0.1f * width, 0.2f * height, 0.9f * width, 0.8f * height) };
        var expected = predictor.Predict(square, new ImagePrompt { Points = [new(15, 30)], Box = new(5, 10, 45, 40) });
        var actual = predictor.Predict(image, prompt);
        foreach (var (one, other) in expected.Masks.Zip(actual.Masks))
        {
            Assert.Equal(width * height, other.Mask.Length);
            for (var i = 0; i < one.LowResolution.Length; i++) Assert.Equal(one.LowResolution[i], other.LowResolution[i], 1e-3f);
        }
    }

    /// <summary>Where nothing has to be resized the encoder sees the normalised pixels.</summary>
    [Fact]
    public void A_picture_of_the_model_s_size_is_taken_as_it_is()
    {
        var picture = Picture(2, 64, 64);
        var pixels = new float[64 * 64 * 3];
        ImageNormalizer.ToChannelLast(picture, pixels);
        using var expected = predictor.Encode(64, 64, input => mini.Device.Upload(pixels, input), default);
        using var actual = predictor.Encode(picture);
        Same(predictor.Predict(expected, Click), predictor.Predict(actual, Click));
    }

    /// <summary>The same kernels that a GPU runs, one thread after the other.</summary>
    [Fact]
    public void The_GPU_s_kernels_give_the_same()
    {
        using var emulated = new MiniSam2(new EmulatorDevice());
        var other = new ImagePredictor(emulated.Model);
        using EncodedImage expected = predictor.Encode(Picture()), actual = other.Encode(Picture());
        var square = new byte[Width * Height];
        square.AsSpan(10 * Width, 20 * Width).Fill(1);
        var prompt = new ImagePrompt { Points = [new(30, 20), new(3, 3, IsOnObject: false)], Mask = square };
        var (one, two) = (predictor.Predict(expected, prompt).Best, other.Predict(actual, prompt).Best);
        Assert.Equal(one.PredictedIou, two.PredictedIou, 1e-4f);
        for (var i = 0; i < one.LowResolution.Length; i++) Assert.Equal(one.LowResolution[i], two.LowResolution[i], 1e-3f);
    }

    /// <summary>Bilinear with antialiasing, in float64 from its definition: a triangle over the input, as wide as the reduction.</summary>
    [Theory]
    [InlineData(97, 61)]
    [InlineData(31, 140)]
    public void Pictures_are_resized_as_the_official_predictor_does(int width, int height)
    {
        var picture = Picture(0, width, height);
        var (across, down) = (Triangles(width, 64), Triangles(height, 64));
        double[] mean = [0.485, 0.456, 0.406], deviation = [0.229, 0.224, 0.225];
        var input = new float[64 * 64 * 3];
        for (var i = 0; i < input.Length; i++)
        {
            var (row, column, channel) = (i / (64 * 3), i / 3 % 64, i % 3);
            var sum = 0.0;
            for (var y = 0; y < height; y++)
                for (var x = 0; x < width; x++)
                    sum += down[row][y] * across[column][x] * picture.Pixels[(((y * width) + x) * 3) + channel];
            input[i] = (float)(((sum / 255) - mean[channel]) / deviation[channel]);
        }

        using var expected = predictor.Encode(width, height, tensor => mini.Device.Upload(input, tensor), default);
        using var actual = predictor.Encode(picture);
        var (one, other) = (predictor.Predict(expected, Click).Best, predictor.Predict(actual, Click).Best);
        for (var i = 0; i < one.LowResolution.Length; i++) Assert.Equal(one.LowResolution[i], other.LowResolution[i], 1e-3f);

        static double[][] Triangles(int inputs, int outputs)
        {
            var scale = (double)inputs / outputs;
            return
            [
                .. Enumerable.Range(0, outputs).Select(o =>
                {
                    double[] weights =
                        [.. Enumerable.Range(0, inputs).Select(i => Math.Max(0, 1 - (Math.Abs(i + 0.5 - ((o + 0.5) * scale)) / Math.Max(1, scale))))];
                    return Array.ConvertAll(weights, w => w / weights.Sum());
                }),
            ];
        }
    }

    /// <summary>Other than in a video: whoever clicks says that there is something.</summary>
    [Fact]
    public void An_object_that_the_decoder_does_not_believe_in_keeps_its_masks()
    {
        using var weights = new Altered("sam_mask_decoder.pred_obj_score_head.layers.2.bias", value => value - 10);
        using var model = Sam2Model.Load(mini.Device, Sam2Config.Named("mini", Sam2Version.V21, 64), weights);
        var doubtful = new ImagePredictor(model);
        using EncodedImage expected = predictor.Encode(Picture()), actual = doubtful.Encode(Picture());
        foreach (var multimask in (bool[])[false, true])
        {
            var options = new ImagePredictOptions { Multimask = multimask };
            var (one, other) = (predictor.Predict(expected, Click, options), doubtful.Predict(actual, Click, options));
            Assert.True(other.ObjectScore < 0);
            Same(one, other with { ObjectScore = one.ObjectScore });
        }
    }

    [Fact]
    public void Only_what_the_next_prompt_takes_is_limited()
    {
        using var weights = new Altered("output_upscaling.3.weight", value => 20 * value);
        using var model = Sam2Model.Load(mini.Device, Sam2Config.Named("mini", Sam2Version.V21, 64), weights);
        var steep = new ImagePredictor(model);
        using var image = steep.Encode(Picture());
        var mask = steep.Predict(image, Click, new ImagePredictOptions { Logits = true }).Best;
        Assert.Equal(32, mask.LowResolution.Max(MathF.Abs));
        Assert.True(mask.Logits!.Max(MathF.Abs) > 40);
    }

    public static TheoryData<string, ImagePrompt> BadPrompts => new()
    {
        { "outside the picture of 60 x 44", new ImagePrompt { Points = [new(61, 3)] } },
        { "outside", new ImagePrompt { Points = [new(3, -1)] } },
        { "not a number", new ImagePrompt { Points = [new(float.NaN, 3)] } },
        { "not made of numbers", new ImagePrompt { Box = new(1, 1, float.PositiveInfinity, 5) } },
        { "is empty", new ImagePrompt { Box = new(5, 5, 5, 9) } },
        { "leaves the picture", new ImagePrompt { Box = new(5, 5, 50, 45) } },
        { "an empty prompt", new ImagePrompt() },
        { "mask of 9 pixels for a picture of 60 x 44", Click with { Mask = new byte[9] } },
        { "two masks", Click with { Mask = new byte[Width * Height], Earlier = new float[256] } },
        { "64 earlier logits for a model whose answers have 16 x 16", Click with { Earlier = new float[64] } },
        { "not a number", Click with { Earlier = [.. Enumerable.Repeat(float.NaN, 256)] } },
    };

    [Theory]
    [MemberData(nameof(BadPrompts))]
    public void A_bad_prompt_is_one_clear_line(string words, ImagePrompt prompt)
    {
        using var image = predictor.Encode(Picture());
        using var ops = new OpHook(mini.Device);
        var message = Assert.Throws<ArgumentException>(() => predictor.Predict(image, [Click, prompt])).Message;
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.StartsWith("prompt 1: ", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.Equal(0, ops.Ops); // nothing is computed for the good one before it
    }

    [Fact]
    public void A_picture_belongs_to_its_predictor_until_it_is_disposed()
    {
        var image = predictor.Encode(Picture());
        Assert.Contains(
            "another predictor",
            Assert.Throws<ArgumentException>(() => new ImagePredictor(mini.Model).Predict(image, Click)).Message, StringComparison.Ordinal);
        predictor.Predict(image, Click);
        image.Dispose();
        image.Dispose();
        Assert.Throws<ObjectDisposedException>(() => predictor.Predict(image, Click));
    }

    [Fact]
    public void Memory_of_pictures_is_given_back()
    {
        predictor.Encode(Picture()).Dispose();
        var before = mini.Device.Counters.HeldBytes;
        for (var i = 0; i < 3; i++)
        {
            using EncodedImage one = predictor.Encode(Picture(i)), two = predictor.Encode(Picture(i + 1));
            Assert.True(mini.Device.Counters.HeldBytes > before);
        }

        Assert.Equal(before, mini.Device.Counters.HeldBytes);
    }

    [Fact]
    public void A_second_caller_is_told_so()
    {
        using var image = predictor.Encode(Picture());
        var met = new List<Exception?>();
        using (new OpHook(mini.Device, op =>
        {
            if (op != 3) return;
            foreach (var call in (Action[])[() => predictor.Predict(image, Click), () => predictor.Encode(Picture()), image.Dispose])
                met.Add(Record.Exception(() => Task.Run(call, TestContext.Current.CancellationToken).GetAwaiter().GetResult()));
        }))
        {
            predictor.Predict(image, Click);
        }

        Assert.Equal(3, met.Count);
        Assert.All(met, e => Assert.Contains("image predictor is at work", Assert.IsType<InvalidOperationException>(e).Message, StringComparison.Ordinal));
        predictor.Predict(image, Click); // and nothing is broken
    }

    [Fact]
    public void Cancellation_ends_with_the_op_that_runs()
    {
        using var image = predictor.Encode(Picture());
        var expected = predictor.Predict(image, Click);
        var held = mini.Device.Counters.HeldBytes;
        foreach (var (after, call) in ((int, Action<CancellationToken>)[])
            [(1, c => predictor.Predict(image, Click, null, c)), (30, c => predictor.Predict(image, Click, null, c)), (25, c => predictor.Encode(Picture(), c))])
        {
            using var source = new CancellationTokenSource();
            using (var hook = new OpHook(mini.Device, op =>
            {
                if (op == after) source.Cancel();
            }))
            {
                Assert.ThrowsAny<OperationCanceledException>(() => call(source.Token));
                Assert.Equal(after, hook.Ops);
            }

            Assert.ThrowsAny<OperationCanceledException>(() => call(source.Token)); // before anything begins
            Assert.Equal(0, mini.Device.Arena.OpenScopes);
            Assert.Equal(held, mini.Device.Counters.HeldBytes);
        }

        Same(expected, predictor.Predict(image, Click));
    }

    internal static RgbImage Picture(int index = 0, int width = Width, int height = Height)
    {
        using var frames = new GeneratedFrames(index + 1, width, height);
        return frames.Read(index);
    }

    private static RgbImage Plain(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(90 + (40 * (i % 3)));
        return new RgbImage(width, height, pixels);
    }

    private static ImagePrompt PromptOf(Fixture fixture, Sam2Model model, string scenario)
    {
        var tokens = fixture.File.ReadFloats(scenario + ".sparse");
        PromptPoint[] points =
        [
            .. tokens.Chunk(PromptEncoder.Channels).Select(token => PromptRecovery.Find(token, model.Network.PromptEncoder, model.ImageSize)),
        ];
        Assert.Equal(PointLabel.Padding, points[^1].Label);
        var corners = Array.FindAll(points, p => p.Label is PointLabel.BoxTopLeft or PointLabel.BoxBottomRight);
        return new ImagePrompt
        {
            Points =
            [
                .. points.Where(p => p.Label is PointLabel.Positive or PointLabel.Negative)
                    .Select(p => new VideoPoint(p.X, p.Y, p.Label == PointLabel.Positive)),
            ],
            Box = corners.Length == 2 ? new VideoBox(corners[0].X, corners[0].Y, corners[1].X, corners[1].Y) : null,
        };
    }

    private static void Same(ImagePrediction expected, ImagePrediction actual)
    {
        Assert.Equal(expected.ObjectScore, actual.ObjectScore);
        Assert.Equal(expected.Masks.Count, actual.Masks.Count);
        foreach (var (one, other) in expected.Masks.Zip(actual.Masks))
        {
            Assert.Equal(one.PredictedIou, other.PredictedIou);
            Assert.Equal(one.Mask, other.Mask);
            Assert.Equal(one.LowResolution, other.LowResolution);
        }
    }

    /// <summary>Weights by rule, some of them changed.</summary>
    private sealed class Altered(string end, Func<float, float> change) : IWeightSource
    {
        private readonly RuleWeights rule = new();

        public string Description => rule.Description;

        public IReadOnlyCollection<string> Names => rule.Names;

        public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => rule.ShapeOf(name, expected);

        public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
        {
            rule.Read(name, shape, destination);
            if (!name.EndsWith(end, StringComparison.Ordinal)) return;
            for (var i = 0; i < destination.Length; i++) destination[i] = change(destination[i]);
        }

        public void Dispose() => rule.Dispose();
    }
}
