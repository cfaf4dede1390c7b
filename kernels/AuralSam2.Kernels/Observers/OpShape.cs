using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace AuralSam2.Kernels;

/// <summary>
/// The shape of an op's call, as the interpolated string behind its flops and bytes. The compiler asks first whether anyone needs it:
/// if not, none of the string's holes is evaluated and nothing is allocated.
/// </summary>
[InterpolatedStringHandler]
internal readonly ref struct OpShape
{
    private readonly StringBuilder? text;

    /// <summary>Called by the compiler.</summary>
    public OpShape(int literalLength, int formattedCount, Device device, out bool needed)
    {
        needed = device.NeedsShape;
        if (needed) text = new StringBuilder(literalLength + (8 * formattedCount));
    }

    /// <summary>Text between the holes.</summary>
    public void AppendLiteral(string literal) => text!.Append(literal);

    /// <summary>A hole: an extent, a shape, a word.</summary>
    public void AppendFormatted<T>(T value) => text!.Append(CultureInfo.InvariantCulture, $"{value}");

    /// <summary>The shape; empty where nobody needs it.</summary>
    public override string ToString() => text?.ToString() ?? "";
}
