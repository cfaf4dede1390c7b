namespace AuralSam2.Media;

/// <summary>An image, sound or video that cannot be used. The message is one line that names the file and the fix.</summary>
public sealed class MediaException(string message, Exception? inner = null) : Exception(message, inner);
