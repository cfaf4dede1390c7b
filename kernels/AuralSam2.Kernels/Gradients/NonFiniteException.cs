namespace AuralSam2.Kernels;

/// <summary>An op made something that is not a finite number.</summary>
/// <param name="op">Name of the op.</param>
/// <param name="module">Official name of the module that it ran in; may be empty.</param>
/// <param name="what">What holds it.</param>
public sealed class NonFiniteException(string op, string module, string what)
    : ArithmeticException($"{op}{(module.Length > 0 ? $" of {module}" : "")}: {what}")
{
    /// <summary>Name of the op.</summary>
    public string Op { get; } = op;

    /// <summary>Official name of the module that it ran in; may be empty.</summary>
    public string Module { get; } = module;
}
