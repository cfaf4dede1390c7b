// Writes kernels/AuralSam2.Kernels/Ops/Gemm/GemmTile.Generated.cs: the unrolled register tiles of the CPU's matrix product.
//
//     dotnet run tools/MakeGemmTiles.cs        (from the repository's root)
//
// A tile is 8 or 4 rows high and 1 to 3 vectors wide; all six have one pattern, and every accumulator needs a name of its own because
// the JIT keeps named locals in registers and arrays it does not.

using System.Text;

int[] heights = [8, 4];
int[] widths = [3, 2, 1];

var code = new StringBuilder("""
    // Written by tools/MakeGemmTiles.cs; change it there.
    using System.Runtime.CompilerServices;
    using AuralSam2.Kernels.Simd;

    namespace AuralSam2.Kernels.Ops;

    internal static unsafe partial class GemmTile
    {

    """);
var first = true;
foreach (var rows in heights)
{
    foreach (var vectors in widths)
    {
        if (!first) code.AppendLine();
        first = false;
        Tile(rows, vectors);
    }
}

code.AppendLine("}");
File.WriteAllText("kernels/AuralSam2.Kernels/Ops/Gemm/GemmTile.Generated.cs", code.ToString());

void Line(string text) => code.AppendLine(text.Length == 0 ? "" : $"        {text}");

static string Each(int count, Func<int, string> part, string separator) => string.Join(separator, Enumerable.Range(0, count).Select(part));

// The v-th vector behind a pointer.
static string At(string pointer, int v) => v switch
{
    0 => pointer,
    1 => $"{pointer} + S.Width",
    _ => $"{pointer} + ({v} * S.Width)",
};

void Tile(int rows, int vectors)
{
    code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]");
    code.AppendLine($"    private static void Rows{rows}x{vectors}<S, V>(in Operands o)");
    code.AppendLine("        where S : struct, ISimd<V>");
    code.AppendLine("        where V : struct");
    code.AppendLine("    {");
    for (var v = 0; v < vectors; v++) Line($"V bias{v} = o.Bias == null ? S.Zero : S.Load({At("o.Bias", v)});");
    for (var r = 0; r < rows; r++) Line($"V {Each(vectors, v => $"c{r}{v} = bias{v}", ", ")};");
    Line("if (o.Residual != null)");
    Line("{");
    Line("    var d = o.Residual;");
    for (var r = 0; r < rows; r++)
        Line($"    {Each(vectors, v => $"c{r}{v} = S.Add(c{r}{v}, S.Load({At("d", v)}));", " ")}{(r < rows - 1 ? " d += o.StrideResidual;" : "")}");
    Line("}");
    Line("");
    Line("nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;");
    // Two row pointers, four rows each: every row is then one addressing mode away.
    Line(rows == 8 ? "float* a = o.A, e = o.A + (4 * stride), b = o.B;" : "float* a = o.A, b = o.B;");
    Line("for (var more = o.MoreLines; ; more--)");
    Line("{");
    Line($"    for (var k = o.K; k > 0; k--, a++, {(rows == 8 ? "e++, " : "")}b += strideB)");
    Line("    {");
    Line($"        V {Each(vectors, v => $"b{v} = S.Load({At("b", v)})", ", ")};");
    for (var r = 0; r < rows; r++)
    {
        var pointer = r < 4 ? "a" : "e";
        var element = (r % 4) switch { 0 => $"*{pointer}", 1 => $"{pointer}[stride]", 2 => $"{pointer}[2 * stride]", _ => $"{pointer}[stride3]" };
        Line($"        {(r == 0 ? "var " : "")}a0 = S.Create({element}); {Each(vectors, v => $"c{r}{v} = S.Fma(a0, b{v}, c{r}{v});", " ")}");
    }

    Line("    }");
    Line("");
    Line("    if (more == 0) break;");
    Line("    a += o.StrideLine - o.K;");
    if (rows == 8) Line("    e += o.StrideLine - o.K;");
    Line("}");
    Line("");
    Line("var c = o.C;");
    for (var r = 0; r < rows; r++)
        Line($"{Each(vectors, v => $"S.Store(c{r}{v}, {At("c", v)});", " ")}{(r < rows - 1 ? " c += o.StrideC;" : "")}");
    code.AppendLine("    }");
}
