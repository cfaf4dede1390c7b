namespace AuralSam2.Training;

/// <summary>A run that cannot begin or go on. The message is one line that says what is wrong and the fix.</summary>
public sealed class TrainingException(string message, Exception? inner = null) : Exception(message, inner);
