using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models;

/// <summary>How a stage's values lie, against how a fixture stores them.</summary>
internal enum StageLayout
{
    /// <summary>Same order: tokens and vectors.</summary>
    Tokens,

    /// <summary>Channel-last here, channel-first in the fixture; <c>[(n,) h, w, c]</c> against <c>[n, c, h, w]</c>.</summary>
    Map,

    /// <summary>
    /// An image here, windows in the fixture: <c>[h, w, c]</c> against <c>[windows, edge, edge, c]</c>; padding cells are not compared.
    /// </summary>
    Windows,

    /// <summary>As <see cref="Windows"/>, channel-first: <c>[windows, c, edge, edge]</c>.</summary>
    WindowMaps,
}

/// <summary>Sees intermediate values of a model by their name in the fixtures. Set while verifying, null otherwise.</summary>
/// <param name="stage">Name of the stage.</param>
/// <param name="value">Its value; valid during the call.</param>
/// <param name="layout">How it lies.</param>
/// <param name="edge">Edge of a window for the window layouts, of the result where queries are pooled.</param>
internal delegate void StageObserver(string stage, Tensor value, StageLayout layout = StageLayout.Tokens, int edge = 0);
