using System.Globalization;
using System.Numerics;

namespace AuralSam2.Kernels;

/// <summary>Which device a person asks for, in the words of <c>--device</c>.</summary>
/// <param name="Kind">What computes.</param>
/// <param name="Number">Which of several GPUs, from 0; for the emulator the threads of a group; otherwise 0.</param>
public readonly record struct DeviceChoice(DeviceKind Kind, int Number)
{
    /// <summary>All forms that <see cref="Parse"/> reads.</summary>
    public const string Forms = "auto, cpu, cuda[:N], opencl[:N] or emulator[:threads of a group]";

    /// <summary>Reads a choice.</summary>
    /// <param name="text">One of <see cref="Forms"/>, in lower case; N counts from 0, the default.</param>
    /// <exception cref="FormatException">Anything else; the message is one line that lists what is allowed.</exception>
    public static DeviceChoice Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var word = colon < 0 ? text : text[..colon];
        int? number = null;
        if (colon >= 0)
        {
            if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var given)) throw Unknown(text);
            number = given;
        }

        return (word, number) switch
        {
            ("auto", null) => default,
            ("cpu", null) => new(DeviceKind.Cpu, 0),
            ("cuda", _) => new(DeviceKind.Cuda, number ?? 0),
            ("opencl", _) => new(DeviceKind.OpenCl, number ?? 0),
            ("emulator", null or (>= 1 and <= EmulatorDevice.LargestGroup)) when BitOperations.IsPow2(number ?? 1) =>
                new(DeviceKind.Emulator, number ?? 1),
            ("emulator", _) => throw new FormatException($"device {text}: a group has 1, 2, 4, ... {EmulatorDevice.LargestGroup} threads"),
            _ => throw Unknown(text),
        };
    }

    /// <summary>The text that <see cref="Parse"/> reads as this choice.</summary>
    public override string ToString() => Kind switch
    {
        DeviceKind.Auto => "auto",
        DeviceKind.Cpu => "cpu",
        DeviceKind.Cuda => $"cuda:{Number}",
        DeviceKind.OpenCl => $"opencl:{Number}",
        _ => $"emulator:{Number}",
    };

    private static FormatException Unknown(string text) => new($"there is no device '{text}'; choose {Forms}");
}
