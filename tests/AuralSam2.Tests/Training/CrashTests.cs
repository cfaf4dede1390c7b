using System.Diagnostics;
using AuralSam2.Data;
using AuralSam2.Kernels;
using AuralSam2.Tests.Data;
using AuralSam2.Training;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Training;

/// <summary>What a run is worth when its process or its disk fails.</summary>
public sealed class CrashTests : IDisposable
{
    private const string ChildVariable = "AURAL_TEST_TRAINING";
    private const int Kills = 8;

    private static readonly TrainingSettings Long = TinyRun.Settings with { Epochs = 30, Accumulate = 1 };

    private readonly DatasetFolder data = new();
    private readonly Media.TemporaryFolder folder = new();

    public CrashTests() => TinyRun.MakeData(data);

    public void Dispose()
    {
        data.Dispose();
        folder.Dispose();
    }

    /// <summary>Fails at each write in turn, whole and half written: the earlier checkpoint stays, and no other file.</summary>
    [Fact]
    public void A_disk_that_fails_at_any_write_leaves_the_checkpoint_before()
    {
        using var device = new CpuDevice(1);
        using var learner = new TinyLearner(device);
        using var optimizer = new AdamWOptimizer(learner);
        var path = folder["last.safetensors"];
        TrainingCheckpoint.Save(path, Long, TrainingPosition.Start(TinyRun.Clips), learner, optimizer);
        var before = File.ReadAllBytes(path);
        optimizer.Step(0.1, 0.05, 0, null);
        var writes = 0;
        var failures = 0;
        for (var half = 0; half < 2; half++)
        {
            for (var failing = 0; ; failing++)
            {
                writes = 0;
                try
                {
                    TrainingCheckpoint.Save(
                        path, Long, TrainingPosition.Start(TinyRun.Clips) with { Step = 1 }, learner, optimizer,
                        disk => new FailingStream(disk, () => writes++ == failing, half == 1));
                    break;
                }
                catch (WeightsException error)
                {
                    failures++;
                    Assert.Contains("No space left on device", error.Message, StringComparison.Ordinal);
                    Assert.Equal(before, File.ReadAllBytes(path));
                    Assert.Single(Directory.GetFiles(folder.Root));
                }
            }

            using (var checkpoint = TrainingCheckpoint.Open(path)) Assert.Equal(1, checkpoint.Position.Step);
            File.WriteAllBytes(path, before);
        }

        Assert.True(failures >= 2 * 24, $"{failures} failures"); // length, header, 8 weights, 14 moments, steps, the last flush
    }

    [Fact]
    public void What_is_no_number_is_not_saved()
    {
        using var device = new CpuDevice(1);
        using var learner = new TinyLearner(device);
        using var optimizer = new AdamWOptimizer(learner);
        var path = folder["last.safetensors"];
        TrainingCheckpoint.Save(path, Long, TrainingPosition.Start(5), learner, optimizer);
        var before = File.ReadAllBytes(path);
        device.Upload([float.PositiveInfinity], learner.Statistics[0].Value);
        var error = Assert.Throws<TrainingException>(() => TrainingCheckpoint.Save(path, Long, TrainingPosition.Start(5), learner, optimizer));
        Assert.Contains("running_mean holds", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(folder.Root));
    }

    /// <summary>Killed again and again, at moments drawn by chance, and resumed each time: it ends as a run that nobody disturbed.</summary>
    [Fact]
    public void A_run_that_is_killed_goes_on()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("no kill -9 here");
        var run = folder["run"];
        var random = new Random(7);
        var kills = 0;
        while (kills < Kills)
        {
            using var child = Start(run);
            // The log grows with every step; a kill some milliseconds after one hits steps, saves and validations alike.
            var (log, before) = (Path.Combine(run, "log.jsonl"), Length(run));
            Assert.True(SpinWait.SpinUntil(() => child.HasExited || Length(run) != before, TimeSpan.FromSeconds(60)), "no step in a minute");
            Thread.Sleep(random.Next(400));
            if (child.HasExited) break; // it was done before
            child.Kill();
            child.WaitForExit();
            kills++;
            using var checkpoint = TrainingCheckpoint.Open(Path.Combine(run, "last.safetensors")); // whole whenever it is there
        }

        Assert.True(kills >= 3, $"only {kills} kills before the run was done");
        File.WriteAllText(Path.Combine(run, ".last.safetensors.abcdefgh.xyz.tmp"), "left by somebody who was killed while writing");
        Assert.True(TinyRun.Go(data.Root, run, resume: true, settings: Long, saveEvery: 1).Completed);
        Assert.Equal(
            ["best.safetensors", "last.safetensors", "log.jsonl"],
            Directory.GetFiles(run).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        TinyRun.Go(data.Root, folder["whole"], settings: Long);
        Assert.Equal(TinyRun.Last(folder["whole"]), TinyRun.Last(run));
        Assert.Equal(
            Enumerable.Range(0, 150).Select(i => (long)i),
            File.ReadLines(Path.Combine(run, "log.jsonl")).Where(l => l.Contains("\"step\",", StringComparison.Ordinal))
                .Select(l => System.Text.Json.JsonDocument.Parse(l).RootElement.GetProperty("step").GetInt64()));
    }

    /// <summary>What the killed process runs; started by <see cref="A_run_that_is_killed_goes_on"/> alone.</summary>
    [Fact(Explicit = true)]
    public void Child()
    {
        if (Environment.GetEnvironmentVariable(ChildVariable)?.Split('|') is not [var root, var run]) return;
        var resume = File.Exists(Path.Combine(run, "last.safetensors"));
        TinyRun.Go(root, run, resume, Long, saveEvery: 1);
    }

    private Process Start(string run)
    {
        var assembly = typeof(CrashTests).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [assembly, "-explicit", "only", "-method", $"{typeof(CrashTests).FullName}.{nameof(Child)}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[ChildVariable] = $"{data.Root}|{run}";
        var child = Process.Start(start)!;
        child.BeginOutputReadLine();
        child.BeginErrorReadLine();
        return child;
    }

    private static long Length(string run) => new FileInfo(Path.Combine(run, "log.jsonl")) is { Exists: true } log ? log.Length : 0;

    /// <summary>A disk that is full at one write; what it is given then may be half there.</summary>
    private sealed class FailingStream(Stream disk, Func<bool> fails, bool half) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => disk.Length;

        public override long Position
        {
            get => disk.Position;
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var full = fails();
            if (!full || half) disk.Write(full ? buffer[..(buffer.Length / 2)] : buffer);
            if (full) throw new IOException("No space left on device");
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
            if (fails()) throw new IOException("No space left on device");
            disk.Flush();
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
