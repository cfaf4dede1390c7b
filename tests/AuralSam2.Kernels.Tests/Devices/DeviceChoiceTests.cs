using CsCheck;
using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>The words of <c>--device</c>.</summary>
public sealed class DeviceChoiceTests
{
    private static readonly Gen<DeviceChoice> Choices = Gen.OneOf(
        Gen.Const(default(DeviceChoice)),
        Gen.Const(new DeviceChoice(DeviceKind.Cpu, 0)),
        Gen.Int[0, int.MaxValue].Select(n => new DeviceChoice(DeviceKind.Cuda, n)),
        Gen.Int[0, 99].Select(n => new DeviceChoice(DeviceKind.OpenCl, n)),
        Gen.Int[0, 6].Select(n => new DeviceChoice(DeviceKind.Emulator, 1 << n)));

    [Fact]
    public void EveryChoiceReadsItsOwnText() => Choices.Sample(c => DeviceChoice.Parse(c.ToString()) == c);

    /// <summary>Whatever is typed is either read, and then means what was typed, or refused with the text in the message.</summary>
    [Fact]
    public void AnyTextIsReadOrRefused()
    {
        string[] words = ["auto", "cpu", "cuda", "opencl", "emulator", "", "CUDA", "cud", "gpu", "\n"];
        string[] tails = ["", ":", ":0", ":1", ":3", ":8", ":64", ":007", ":128", ":-1", ":+1", ": 1", ":1 ", ":1:1", ":0x1", ":\u0663"];
        var tail = Gen.OneOf(Gen.Int[0, tails.Length - 1].Select(i => tails[i]), Gen.String);
        Gen.Select(Gen.Int[0, words.Length - 1].Select(i => words[i]), tail, (word, t) => word + t).Sample(text =>
        {
            try
            {
                var choice = DeviceChoice.Parse(text);
                var typed = text.Split(':');
                Assert.Equal(typed[0], choice.ToString().Split(':')[0]);
                if (typed.Length > 1) Assert.Equal(int.Parse(typed[1]), choice.Number);
                Assert.Equal(choice, DeviceChoice.Parse(choice.ToString()));
            }
            catch (FormatException error)
            {
                Assert.Contains(text, error.Message, StringComparison.Ordinal);
            }
        });
    }

    [Theory]
    [InlineData("cuda", "cuda:0")]
    [InlineData("opencl", "opencl:0")]
    [InlineData("emulator", "emulator:1")]
    [InlineData("emulator:64", "emulator:64")]
    public void NumbersHaveDefaults(string text, string same) => Assert.Equal(same, DeviceChoice.Parse(text).ToString());

    [Theory]
    [InlineData("tpu")]
    [InlineData("")]
    [InlineData("Cuda")]
    [InlineData("cpu:0")]
    [InlineData("auto:1")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:99999999999")]
    [InlineData("cuda:0:1")]
    [InlineData("opencl:x")]
    public void AnUnknownChoiceListsWhatIsAllowed(string text)
    {
        var message = Assert.Throws<FormatException>(() => DeviceChoice.Parse(text)).Message;
        Assert.Equal($"there is no device '{text}'; choose auto, cpu, cuda[:N], opencl[:N] or emulator[:threads of a group]", message);
    }

    [Theory]
    [InlineData("emulator:0")]
    [InlineData("emulator:3")]
    [InlineData("emulator:128")]
    public void TheEmulatorsGroupIsAPowerOfTwo(string text) =>
        Assert.Contains("1, 2, 4, ... 64", Assert.Throws<FormatException>(() => DeviceChoice.Parse(text)).Message, StringComparison.Ordinal);
}
