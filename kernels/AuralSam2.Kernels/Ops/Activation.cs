namespace AuralSam2.Kernels.Ops;

/// <summary>Elementwise functions that ops apply before they store.</summary>
public enum Activation
{
    /// <summary>The value as it is.</summary>
    None,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x Phi(x), the exact form with the error function.</summary>
    Gelu,

    /// <summary>1 / (1 + e^-x).</summary>
    Sigmoid,
}
