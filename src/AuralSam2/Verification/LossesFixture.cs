using System.Globalization;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Training;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>Kind losses: the mask losses of a clip, AudioCon with given permutations, and the contrastive loss alone; with all gradients.</summary>
internal static partial class LossesFixture
{
    public static void Run(Device device, StageComparison comparison)
    {
        if (comparison.Stores("sam.core_loss")) RunMaskLosses(device, comparison);
        foreach (var name in comparison.Fixture.Stages.Select(s => ContrastLoss().Match(s)).Where(m => m.Success).Select(m => m.Groups[1].Value))
            RunAudioCon(device, comparison, name);
        if (comparison.Stores("nce.loss")) RunInfoNce(device, comparison);
    }

    private static void RunMaskLosses(Device device, StageComparison comparison)
    {
        var fixture = comparison.Fixture;
        var shape = fixture.ShapeOf("sam.targets");
        var (frames, height, width) = (shape[0], shape[^2], shape[^1]);
        var told = MaskInputs().Match(fixture.Metadata("sam"));
        double Number(int group, double otherwise) =>
            told.Success ? double.Parse(told.Groups[group].Value, CultureInfo.InvariantCulture) : otherwise;
        var targets = Targets(fixture, frames, height, width);
        comparison.Compare("sam.targets", targets);

        using var tape = new Tape(device);
        using var loss = new SegmentationLoss(device);
        using var inputs = new FollowedInputs(device, tape);
        Tensor logits = inputs.Allocate(frames, MaskLoss.Masks, height, width), ious = inputs.Allocate(frames, 1, MaskLoss.Masks);
        var objects = inputs.Allocate(frames, 1, 1);
        var best = new float[frames];
        for (var t = 0; t < frames; t++)
        {
            device.Upload(Rule(fixture, $"input.loss.logits.{t}", 0, Number(1, 6), MaskLoss.Masks * height * width), logits.At(t));
            device.Upload(Rule(fixture, $"input.loss.iou.{t}", Number(2, 0.5), Number(3, 0.5), MaskLoss.Masks), ious.At(t));
            device.Upload(Rule(fixture, $"input.loss.obj.{t}", 0, Number(4, 2), 1), objects.At(t));
        }

        inputs.Follow();
        loss.Clear();
        using (var scope = device.Scope())
        using (tape.Record())
        {
            for (var t = 0; t < frames; t++)
            {
                Tensor target = device.Rent(height, width), details = device.Rent(MaskLoss.Details, MaskLoss.Masks);
                device.Upload(targets.AsSpan(t * height * width, height * width), target);
                loss.AddFrame(logits.At(t), target, ious.At(t), objects.At(t), details);
                var seen = device.Download(details);
                comparison.Compare($"sam.focal3.{t}", seen.AsSpan(0, 3));
                comparison.Compare($"sam.dice3.{t}", seen.AsSpan(3, 3));
                comparison.Compare($"sam.iou_l1_3.{t}", seen.AsSpan(6, 3));
                comparison.Compare($"sam.actual_iou3.{t}", seen.AsSpan(9, 3));
                best[t] = seen[18];
            }
        }

        var terms = loss.Download();
        comparison.Compare("sam.best", best);
        comparison.Compare("sam.loss_mask", [(float)terms.Focal]);
        comparison.Compare("sam.loss_dice", [(float)terms.Dice]);
        comparison.Compare("sam.loss_iou", [(float)terms.Iou]);
        comparison.Compare("sam.loss_class", [(float)terms.Object]);
        comparison.Compare("sam.core_loss", [(float)terms.Total]);
        tape.Backward(loss.Total);
        for (var t = 0; t < frames; t++)
        {
            comparison.Compare($"sam.grad_logits.{t}", device.Download(tape.Gradient(logits).At(t)));
            comparison.Compare($"sam.grad_iou.{t}", device.Download(tape.Gradient(ious).At(t)));
            comparison.Compare($"sam.grad_obj.{t}", device.Download(tape.Gradient(objects).At(t)));
        }
    }

    private static void RunAudioCon(Device device, StageComparison comparison, string name)
    {
        var (fixture, told) = (comparison.Fixture, comparison.Fixture.Metadata("con"));
        var levels = fixture.Stages.Count(s => s.StartsWith($"con.{name}.grad_v.", StringComparison.Ordinal));
        var shape = fixture.ShapeOf($"con.{name}.grad_v.0");
        var (frames, channels, grid) = (shape[0], shape[1], shape[2]);
        var limits = Limits().Match(told) is { Success: true } l
            ? (Usual: int.Parse(l.Groups[1].Value, CultureInfo.InvariantCulture), Less: int.Parse(l.Groups[2].Value, CultureInfo.InvariantCulture))
            : (Usual: 128, Less: 4);
        var limit = name.Contains("lim", StringComparison.Ordinal) || name.Contains("easy", StringComparison.Ordinal) ? limits.Less : limits.Usual;

        var size = fixture.RecordedShape("con.masks")?[0] ?? 16 * grid;
        var mask = ContrastMask(fixture, size);
        comparison.Compare("con.masks", mask);
        var stored = comparison.Stores($"con.{name}.pred_low");
        var predicted = stored ? fixture.File.ReadDoubles($"con.{name}.pred_low").Select(v => (float)v).ToArray() : [];
        var edge = stored ? fixture.ShapeOf($"con.{name}.pred_low")[^1] : 1;
        comparison.Compare($"con.{name}.pred_low", predicted);
        var clip = new AudioConFrame[frames];
        for (var t = 0; t < frames; t++)
        {
            // The second frame shows nothing. A logit of a half is no label: all cells are hard.
            float[] logits = stored ? predicted[(t * edge * edge)..((t + 1) * edge * edge)] : [0.5f];
            clip[t] = new AudioConFrame(t == 0 ? mask : new float[mask.Length], size, logits, edge);
        }

        using var tape = new Tape(device);
        using var inputs = new FollowedInputs(device, tape);
        var pyramid = new AudioConLevel[levels];
        for (var level = 0; level < levels; level++)
        {
            pyramid[level] = new AudioConLevel(inputs.Allocate(frames, grid * grid, channels), inputs.Allocate(frames, channels));
            device.Upload(fixture.Map($"input.con.v.{level}", 1, frames, channels, grid), pyramid[level].Seen);
            device.Upload(fixture.Input($"input.con.a.{level}", 1, frames * channels), pyramid[level].Heard);
            L2Normalize.Forward(device, pyramid[level].Seen, pyramid[level].Seen);
            L2Normalize.Forward(device, pyramid[level].Heard, pyramid[level].Heard);
        }

        using var buffer = device.Allocate(1);
        var loss = buffer.View(1);
        device.Fill(loss, 0);
        inputs.Follow();
        var reverse = name.Contains("reverse", StringComparison.Ordinal);
        int[] Order(int count) => [.. reverse ? Enumerable.Range(0, count).Reverse() : Enumerable.Range(0, count)];
        using (tape.Record()) new AudioCon(device, AudioConForm.Released, limit).Forward(pyramid, [.. Enumerable.Range(0, frames)], clip, Order, loss);
        comparison.Compare($"con.{name}.loss", device.Download(loss));
        tape.Backward(loss);
        for (var level = 0; level < levels; level++)
        {
            comparison.Compare(
                $"con.{name}.grad_v.{level}", device.Download(tape.Gradient(pyramid[level].Seen)), StageLayout.Map,
                new Shape(frames, grid, grid, channels), 0);
            comparison.Compare($"con.{name}.grad_a.{level}", device.Download(tape.Gradient(pyramid[level].Heard)));
        }
    }

    private static void RunInfoNce(Device device, StageComparison comparison)
    {
        var fixture = comparison.Fixture;
        int[] ofAnchors = fixture.ShapeOf("nce.grad_anchor"), ofContrasts = fixture.ShapeOf("nce.grad_contrast");
        var (n, m, channels) = (ofAnchors[0], ofContrasts[0], ofAnchors[1]);
        var told = ContrastLabels().Match(fixture.Metadata("nce"));
        float[] heard = told.Success
            ? [.. told.Groups[1].Value.Split(',').Select(v => float.Parse(v, CultureInfo.InvariantCulture))]
            : [1, 1, 0, 1, 0];
        float[] labels = [.. Enumerable.Range(0, n).Select(i => (float)(i % 2)), .. heard];
        float[] identities = [.. Enumerable.Range(0, n + m).Select(i => (float)i)];

        using var tape = new Tape(device);
        using var inputs = new FollowedInputs(device, tape);
        using var buffer = device.Allocate(1);
        Tensor pool = inputs.Allocate(n + m, channels), loss = buffer.View(1);
        device.Upload(fixture.Input("input.nce.anchor", 1, n * channels), pool.Slice(0, n));
        device.Upload(fixture.Input("input.nce.contrast", 1, m * channels), pool.Slice(n, m));
        L2Normalize.Forward(device, pool, pool);
        device.Fill(loss, 0);
        inputs.Follow();
        using var scope = device.Scope();
        var marks = new ContrastMarks(device.Rent(2, n), device.Rent(4, n + m));
        device.Upload([.. labels[..n], .. identities[..n]], marks.Anchors);
        device.Upload([.. labels, .. identities, .. new float[n], .. Enumerable.Repeat(1f, m), .. Enumerable.Repeat(1f, n + m)], marks.Contrasts);
        using (tape.Record()) InfoNce.Forward(device, pool.Slice(0, n), pool, marks, 0.1f, loss);
        comparison.Compare("nce.loss", device.Download(loss));
        tape.Backward(loss);
        comparison.Compare("nce.grad_anchor", device.Download(tape.Gradient(pool.Slice(0, n))));
        comparison.Compare("nce.grad_contrast", device.Download(tape.Gradient(pool.Slice(n, m))));
    }

    /// <summary>Targets as stored, or where the file is too large for them as the note says: a circle, a rectangle, nothing.</summary>
    private static float[] Targets(Fixture fixture, int frames, int height, int width)
    {
        if (fixture.File.Tensors.ContainsKey("sam.targets")) return [.. fixture.File.ReadDoubles("sam.targets").Select(v => (float)v)];
        var (circle, rectangle) = (Circle().Match(fixture.Metadata("sam")), Rectangle().Match(fixture.Metadata("sam")));
        int[] c = Numbers(circle, 20, 30, 225), r = Numbers(rectangle, 10, 50, 40);
        var targets = new float[frames * height * width];
        for (var i = 0; i < targets.Length; i++)
        {
            var (t, y, x) = (i / (height * width), i / width % height, i % width);
            var on = t == 0 ? ((y - c[0]) * (y - c[0])) + ((x - c[1]) * (x - c[1])) < c[2] : t == 1 && y > r[0] && y < r[1] && x > r[2];
            targets[i] = on ? 1 : 0;
        }

        return targets;
    }

    private static float[] ContrastMask(Fixture fixture, int size)
    {
        var edges = Numbers(Stretch().Match(fixture.Metadata("con")), 20, 90, 30, 100);
        var mask = new float[size * size];
        for (var i = 0; i < mask.Length; i++)
            if (i / size >= edges[0] && i / size < edges[1] && i % size >= edges[2] && i % size < edges[3]) mask[i] = 1;
        return mask;
    }

    private static int[] Numbers(Match match, params int[] otherwise) => match.Success
        ? [.. match.Groups.Values.Skip(1).Select(g => int.Parse(g.Value, CultureInfo.InvariantCulture))]
        : otherwise;

    private static float[] Rule(Fixture fixture, string name, double offset, double scale, int count)
    {
        var values = new float[count];
        RuleTensor.Fill(fixture.Seed, name, offset, scale, values);
        return values;
    }

    /// <summary>Inputs whose gradients are wanted, each in memory of its own.</summary>
    private sealed class FollowedInputs(Device device, Tape tape) : IDisposable
    {
        private readonly List<Tensor> tensors = [];

        public Tensor Allocate(params ReadOnlySpan<int> dims)
        {
            tensors.Add(device.AllocateTensor(dims));
            return tensors[^1];
        }

        public void Follow()
        {
            foreach (var tensor in tensors) tape.Follow(tensor);
        }

        public void Dispose()
        {
            foreach (var tensor in tensors) tensor.Buffer.Dispose();
        }
    }

    [GeneratedRegex(@"^con\.([^.]+)\.loss$")]
    private static partial Regex ContrastLoss();

    [GeneratedRegex(@"logits[^;]*scale ([\d.]+), iou offset ([\d.]+) scale ([\d.]+), obj scale ([\d.]+)")]
    private static partial Regex MaskInputs();

    [GeneratedRegex(@"\(y-(\d+)\)\^2\+\(x-(\d+)\)\^2<(\d+)")]
    private static partial Regex Circle();

    [GeneratedRegex(@"(\d+)<y<(\d+),x>(\d+)")]
    private static partial Regex Rectangle();

    [GeneratedRegex(@"rows (\d+):(\d+) cols (\d+):(\d+)")]
    private static partial Regex Stretch();

    [GeneratedRegex(@"limit (\d+) unless [^(]*\((\d+)\)")]
    private static partial Regex Limits();

    [GeneratedRegex(@"contrasts[^;]*labels ([\d,]+)")]
    private static partial Regex ContrastLabels();
}
