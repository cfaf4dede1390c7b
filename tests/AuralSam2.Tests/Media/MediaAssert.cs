using AuralSam2.Media;
using Xunit;

namespace AuralSam2.Tests.Media;

/// <summary>Checks of what a person reads.</summary>
internal static class MediaAssert
{
    /// <summary>The action fails with one line that holds all the words.</summary>
    public static void Fails(Action action, params string[] words)
    {
        var message = Assert.Throws<MediaException>(action).Message;
        Assert.DoesNotContain('\n', message);
        foreach (var word in words) Assert.Contains(word, message, StringComparison.Ordinal);
    }
}
