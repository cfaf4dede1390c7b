namespace AuralSam2.Data;

/// <summary>A dataset that cannot be used. The message is one line that names the file and the fix.</summary>
public sealed class DatasetException(string message, Exception? inner = null) : Exception(message, inner);
