namespace AuralSam2.Ladder;

/// <summary>One version of a kernel.</summary>
/// <param name="Title">A word or two.</param>
/// <param name="Change">One sentence: what it does otherwise than the rung before, and why that helps.</param>
/// <param name="Bind">
/// Prepares what does not depend on the activations, as a model does when it is loaded, and returns the call that is timed.
/// </param>
internal sealed record Rung(string Title, string Change, Func<Problem, Action> Bind)
{
    /// <summary>A rung of the ladder of one kind of problem.</summary>
    public static Rung Of<TProblem>(string title, string change, Func<TProblem, Action> bind)
        where TProblem : Problem => new(title, change, problem => bind((TProblem)problem));
}
