using AuralSam2.Media;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>What was found, frame by frame and object by object; masks go to files at once.</summary>
internal sealed class TrackResults(IFrameSource frames)
{
    private readonly SortedDictionary<int, TrackDocument.Moment> found = [];

    /// <summary>Frames that were tracked.</summary>
    public int Tracked => found.Count;

    /// <summary>Frames of the clip.</summary>
    public int Count => frames.Count;

    /// <summary>Pixels of one row over rows.</summary>
    public double Aspect => (double)frames.Width / frames.Height;

    /// <summary>Frames per second.</summary>
    public double FramesPerSecond => frames.FramesPerSecond;

    /// <summary>All frames of the clip, in order.</summary>
    public IReadOnlyList<TrackDocument.Moment> Frames =>
        [.. Enumerable.Range(0, frames.Count).Select(i => found.GetValueOrDefault(i) ?? new TrackDocument.Moment(i, Seconds(i), MaskOf(i), []))];

    /// <summary>All objects, by number.</summary>
    public IReadOnlyList<TrackDocument.ObjectTrack> Objects =>
    [
        .. found.Values.SelectMany(f => f.Objects.Select(o => (f.Index, Object: o))).GroupBy(o => o.Object.Object).OrderBy(g => g.Key).Select(g =>
        {
            int[] present = [.. g.Where(o => o.Object.Area > 0).Select(o => o.Index).Order()];
            var (red, green, blue) = ObjectPalette.Colors[g.Key];
            return new TrackDocument.ObjectTrack(
                g.Key, $"#{red:X2}{green:X2}{blue:X2}", present.Length, present.Length > 0 ? present[0] : null, present.Length > 0 ? present[^1] : null,
                present.Length > 0 ? Math.Round(g.Where(o => o.Object.Area > 0).Average(o => o.Object.AreaShare), 5) : 0);
        }),
    ];

    /// <summary>Path of a frame's mask inside the result.</summary>
    public static string MaskOf(int frame) => $"masks/{frame:00000}.png";

    /// <summary>Whether a frame was tracked.</summary>
    public bool Has(int frame) => found.ContainsKey(frame);

    /// <summary>An object on a frame; null where it was not tracked.</summary>
    public TrackDocument.Found? Of(int frame, int number) => found.GetValueOrDefault(frame)?.Objects.FirstOrDefault(o => o.Object == number);

    /// <summary>Takes up a frame.</summary>
    /// <param name="frame">It.</param>
    /// <param name="write">Writes <c>[height, width]</c> object numbers. Where objects overlap the lower number is on top, as in
    /// DAVIS.</param>
    public void Add(TrackedFrame frame, Action<byte[]> write)
    {
        var numbers = new byte[frames.Width * frames.Height];
        foreach (var item in frame.Objects.OrderByDescending(o => o.Id))
            for (var i = 0; i < numbers.Length; i++)
                if (item.Mask[i] != 0) numbers[i] = (byte)item.Id;
        write(numbers);
        found[frame.Index] = new TrackDocument.Moment(
            frame.Index, Seconds(frame.Index), MaskOf(frame.Index), [.. frame.Objects.OrderBy(o => o.Id).Select(o =>
            {
                var (area, box) = MaskExtent.Of(o.Mask, frames.Width);
                return new TrackDocument.Found(
                    o.Id, o.IsPrompted, Math.Round(o.PredictedIou, 4), Math.Round(o.ObjectScore, 4), area, Math.Round((double)area / o.Mask.Length, 5), box);
            })]);
    }

    private double Seconds(int frame) => Math.Round(frame / frames.FramesPerSecond, 4);
}
