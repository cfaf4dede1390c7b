using System.Runtime.CompilerServices;

namespace AuralSam2.Kernels.Ops;

/// <summary>Argument checks at the boundary of an op; kernels behind it trust their arguments.</summary>
internal static class OpArguments
{
    /// <summary>Throws an <see cref="ArgumentException"/> that names the op and the shapes. The text is only built when the check fails.</summary>
    public static void Require(bool condition, string op, [InterpolatedStringHandlerArgument(nameof(condition))] Complaint complaint)
    {
        if (!condition) throw new ArgumentException($"{op}: {complaint.Text}");
    }

    /// <summary>Builds its text only when the condition is false: checks cost nothing on the way through.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Complaint
    {
        private readonly System.Text.StringBuilder? text;

        public Complaint(int literalLength, int formattedCount, bool condition, out bool enabled)
        {
            enabled = !condition;
            text = enabled ? new System.Text.StringBuilder(literalLength + (16 * formattedCount)) : null;
        }

        public string Text => text?.ToString() ?? string.Empty;

        public void AppendLiteral(string value) => text!.Append(value);

        public void AppendFormatted<T>(T value) => text!.Append(value);
    }
}
