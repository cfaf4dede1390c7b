using System.Globalization;
using System.Text;

namespace AuralSam2.Weights;

/// <summary>
/// Weights that cannot be used. The message is one line that names the file, what is wrong and the fix; only
/// <see cref="WeightCheck"/> adds lines, a list of tensors below such a line.
/// </summary>
public sealed class WeightsException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>A name out of a file as a message shows it: a hostile one can neither break the line nor flood the screen.</summary>
    internal static string Quote(string name)
    {
        const int longest = 120;
        var text = new StringBuilder("'");
        foreach (var c in name.Length > longest ? name.AsSpan(0, longest) : name)
            text.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? $"\\u{(int)c:x4}" : c);
        if (name.Length > longest) text.Append(CultureInfo.InvariantCulture, $"... ({name.Length} characters)");
        return text.Append('\'').ToString();
    }
}
