using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>Position encodings that depend on nothing but the grid, computed once.</summary>
internal static class Encodings
{
    /// <summary>Sines and cosines of a cell's place, <c>[edge * edge, features]</c>: of its row, then of its column.</summary>
    public static Tensor Sine2D(int edge, int features)
    {
        var half = features / 2;
        var position = arange(1, edge + 1, dtype: ScalarType.Float64) / (edge + 1e-6) * (2 * Math.PI);
        var frequency = pow(10000.0, arange(half, dtype: ScalarType.Float64).div(2).floor() * (-2.0 / half));
        var angle = position.unsqueeze(1) * frequency; // [edge, half]
        var isEven = arange(half).remainder(2).eq(0);
        var axis = where(isEven, angle.sin(), angle.cos());
        Tensor rows = axis.unsqueeze(1).expand(edge, edge, half), columns = axis.unsqueeze(0).expand(edge, edge, half);
        return cat([rows, columns], dim: 2).reshape(edge * edge, features).to(ScalarType.Float32);
    }

    /// <summary>Fourier features of points in the unit square, <c>[n, 256]</c>: sines, then cosines, of 2 pi (2 p - 1) G.</summary>
    /// <param name="points"><c>[n, 2]</c>, x then y.</param>
    /// <param name="gaussian"><c>[2, 128]</c>.</param>
    public static Tensor Fourier(Tensor points, Tensor gaussian)
    {
        var angle = matmul((points * 2) - 1, gaussian).mul_(2 * Math.PI);
        return cat([angle.sin(), angle.cos()], dim: 1);
    }

    /// <summary>Fourier features of the cell centres of a grid, <c>[edge * edge, 256]</c>.</summary>
    public static Tensor FourierGrid(int edge, Tensor gaussian)
    {
        var centre = (arange(edge, dtype: ScalarType.Float32) + 0.5) / edge;
        Tensor x = centre.unsqueeze(0).expand(edge, edge), y = centre.unsqueeze(1).expand(edge, edge);
        return Fourier(stack([x, y], dim: 2).reshape(edge * edge, 2), gaussian);
    }

    /// <summary>
    /// Rotations of the memory attention as complex numbers <c>[edge * edge, channels / 2]</c>: the first half of the pairs turns with x,
    /// the second with y, theta_j = 10000^(-4j / channels).
    /// </summary>
    public static Tensor Rotations(int edge, int channels)
    {
        var quarter = channels / 4;
        var theta = pow(10000.0, arange(quarter, dtype: ScalarType.Float64) * (-4.0 / channels)).to(ScalarType.Float32);
        var cell = arange(edge * edge);
        Tensor x = cell.remainder(edge).to(ScalarType.Float32), y = cell.div(edge).floor().to(ScalarType.Float32);
        var angle = cat([outer(x, theta), outer(y, theta)], dim: 1);
        return polar(ones_like(angle), angle);
    }
}
