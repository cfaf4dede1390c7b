using AuralSam2.Media;

namespace AuralSam2.Data;

/// <summary>A clip in memory, as the model and the loss or score take it.</summary>
/// <param name="Entry">Where it comes from.</param>
/// <param name="Size">Edge of pictures and labels in pixels.</param>
/// <param name="Images">One per frame, <c>[size, size, 3]</c>; <see cref="ImageNormalizer"/> makes them the model's input.</param>
/// <param name="Labels">
/// One per frame, <c>[size, size]</c>, 1 where the sounding object is and 0 elsewhere; null where a frame is not supervised.
/// </param>
/// <param name="Sound">At its own rate, -1 .. 1: 16 bits over 32768.</param>
public sealed record LoadedClip(ClipEntry Entry, int Size, IReadOnlyList<RgbImage> Images, IReadOnlyList<byte[]?> Labels, Waveform Sound);
