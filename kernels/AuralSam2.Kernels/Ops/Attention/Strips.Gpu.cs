using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Sums of four rows (keys, or channels) by eight queries, in the registers of one thread. A step reads twelve floats for 32 multiply-adds.
/// </summary>
internal struct Strip
{
    /// <summary>Rows by the first four queries.</summary>
    public Quad Left;

    /// <summary>Rows by the other four.</summary>
    public Quad Right;

    /// <summary>Adds the outer product of four rows and eight queries.</summary>
    public void AddOuter(Float4 rows, Float4 left, Float4 right)
    {
        Left = Left.AddOuter(rows, left);
        Right = Right.AddOuter(rows, right);
    }

    /// <summary>Multiplies the sums of each query by a factor of its own.</summary>
    public void Scale(Float4 left, Float4 right)
    {
        Left = Scaled(Left, left);
        Right = Scaled(Right, right);
    }

    public readonly Strip Keep(int rows, Float4 otherwise) => new() { Left = Kept(Left, rows, otherwise), Right = Kept(Right, rows, otherwise) };

    private static Quad Kept(Quad q, int rows, Float4 otherwise) => new(
        rows > 0 ? q.Row0 : otherwise, rows > 1 ? q.Row1 : otherwise, rows > 2 ? q.Row2 : otherwise, rows > 3 ? q.Row3 : otherwise);

    private static Quad Scaled(Quad q, Float4 f) => new(Product(q.Row0, f), Product(q.Row1, f), Product(q.Row2, f), Product(q.Row3, f));

    private static Float4 Product(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);
}

/// <summary>The strips of one thread: as many types as there are numbers of them, because registers cannot be indexed.</summary>
internal interface IStrips
{
    /// <summary>How many strips.</summary>
    static abstract int Count { get; }

    /// <summary>Adds outer products of eight queries and of the quads of rows at <c>at, at + step, ...</c> in shared memory.</summary>
    void AddOuter(ArrayView<Float4> shared, int at, int step, Float4 left, Float4 right);

    /// <summary>Multiplies the sums of each query by a factor of its own.</summary>
    void Scale(Float4 left, Float4 right);

    /// <summary>One strip, by comparison with each number: for what happens once per block.</summary>
    Strip Get(int index);
}

/// <summary>One strip.</summary>
internal struct Strips1 : IStrips
{
    private Strip strip0;

    public static int Count => 1;

    public void AddOuter(ArrayView<Float4> shared, int at, int step, Float4 left, Float4 right) => strip0.AddOuter(shared[at], left, right);

    public void Scale(Float4 left, Float4 right) => strip0.Scale(left, right);

    public readonly Strip Get(int index) => strip0;
}

/// <summary>Two strips.</summary>
internal struct Strips2 : IStrips
{
    private Strip strip0;
    private Strip strip1;

    public static int Count => 2;

    public void AddOuter(ArrayView<Float4> shared, int at, int step, Float4 left, Float4 right)
    {
        strip0.AddOuter(shared[at], left, right);
        strip1.AddOuter(shared[at + step], left, right);
    }

    public void Scale(Float4 left, Float4 right)
    {
        strip0.Scale(left, right);
        strip1.Scale(left, right);
    }

    public readonly Strip Get(int index) => index == 0 ? strip0 : strip1;
}

/// <summary>Three strips.</summary>
internal struct Strips3 : IStrips
{
    private Strip strip0;
    private Strip strip1;
    private Strip strip2;

    public static int Count => 3;

    public void AddOuter(ArrayView<Float4> shared, int at, int step, Float4 left, Float4 right)
    {
        strip0.AddOuter(shared[at], left, right);
        strip1.AddOuter(shared[at + step], left, right);
        strip2.AddOuter(shared[at + (2 * step)], left, right);
    }

    public void Scale(Float4 left, Float4 right)
    {
        strip0.Scale(left, right);
        strip1.Scale(left, right);
        strip2.Scale(left, right);
    }

    public readonly Strip Get(int index) => index == 0 ? strip0 : index == 1 ? strip1 : strip2;
}

/// <summary>Four strips.</summary>
internal struct Strips4 : IStrips
{
    private Strip strip0;
    private Strip strip1;
    private Strip strip2;
    private Strip strip3;

    public static int Count => 4;

    public void AddOuter(ArrayView<Float4> shared, int at, int step, Float4 left, Float4 right)
    {
        strip0.AddOuter(shared[at], left, right);
        strip1.AddOuter(shared[at + step], left, right);
        strip2.AddOuter(shared[at + (2 * step)], left, right);
        strip3.AddOuter(shared[at + (3 * step)], left, right);
    }

    public void Scale(Float4 left, Float4 right)
    {
        strip0.Scale(left, right);
        strip1.Scale(left, right);
        strip2.Scale(left, right);
        strip3.Scale(left, right);
    }

    public readonly Strip Get(int index) => index == 0 ? strip0 : index == 1 ? strip1 : index == 2 ? strip2 : strip3;
}
