namespace AuralSam2.Media;

/// <summary>Sound as samples in -1 .. 1 per channel.</summary>
public sealed class Waveform
{
    /// <summary>Wraps samples.</summary>
    /// <param name="sampleRate">Samples per second, at least 1.</param>
    /// <param name="channels">One array per channel (left first), all of one length, at least one channel.</param>
    /// <exception cref="ArgumentException">No channels, or channels of different lengths.</exception>
    public Waveform(int sampleRate, IReadOnlyList<float[]> channels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleRate, 1);
        if (channels.Count == 0) throw new ArgumentException("no channels", nameof(channels));
        if (channels.Any(c => c.Length != channels[0].Length)) throw new ArgumentException("channels of different lengths", nameof(channels));
        SampleRate = sampleRate;
        Channels = channels;
    }

    /// <summary>Samples per second.</summary>
    public int SampleRate { get; }

    /// <summary>Samples of each channel, left first.</summary>
    public IReadOnlyList<float[]> Channels { get; }

    /// <summary>Samples per channel.</summary>
    public int Length => Channels[0].Length;

    /// <summary>Duration in seconds.</summary>
    public double Seconds => (double)Length / SampleRate;
}
