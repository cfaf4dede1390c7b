// Written by tools/MakeGemmTiles.cs; change it there.
using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

internal static unsafe partial class GemmTile
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Rows8x3<S, V>(in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        V bias0 = o.Bias == null ? S.Zero : S.Load(o.Bias);
        V bias1 = o.Bias == null ? S.Zero : S.Load(o.Bias + S.Width);
        V bias2 = o.Bias == null ? S.Zero : S.Load(o.Bias + (2 * S.Width));
        V c00 = bias0, c01 = bias1, c02 = bias2;
        V c10 = bias0, c11 = bias1, c12 = bias2;
        V c20 = bias0, c21 = bias1, c22 = bias2;
        V c30 = bias0, c31 = bias1, c32 = bias2;
        V c40 = bias0, c41 = bias1, c42 = bias2;
        V c50 = bias0, c51 = bias1, c52 = bias2;
        V c60 = bias0, c61 = bias1, c62 = bias2;
        V c70 = bias0, c71 = bias1, c72 = bias2;
        if (o.Residual != null)
        {
            var d = o.Residual;
            c00 = S.Add(c00, S.Load(d)); c01 = S.Add(c01, S.Load(d + S.Width)); c02 = S.Add(c02, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c10 = S.Add(c10, S.Load(d)); c11 = S.Add(c11, S.Load(d + S.Width)); c12 = S.Add(c12, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c20 = S.Add(c20, S.Load(d)); c21 = S.Add(c21, S.Load(d + S.Width)); c22 = S.Add(c22, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c30 = S.Add(c30, S.Load(d)); c31 = S.Add(c31, S.Load(d + S.Width)); c32 = S.Add(c32, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c40 = S.Add(c40, S.Load(d)); c41 = S.Add(c41, S.Load(d + S.Width)); c42 = S.Add(c42, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c50 = S.Add(c50, S.Load(d)); c51 = S.Add(c51, S.Load(d + S.Width)); c52 = S.Add(c52, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c60 = S.Add(c60, S.Load(d)); c61 = S.Add(c61, S.Load(d + S.Width)); c62 = S.Add(c62, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c70 = S.Add(c70, S.Load(d)); c71 = S.Add(c71, S.Load(d + S.Width)); c72 = S.Add(c72, S.Load(d + (2 * S.Width)));
        }

        nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;
        float* a = o.A, e = o.A + (4 * stride), b = o.B;
        for (var more = o.MoreLines; ; more--)
        {
            for (var k = o.K; k > 0; k--, a++, e++, b += strideB)
            {
                V b0 = S.Load(b), b1 = S.Load(b + S.Width), b2 = S.Load(b + (2 * S.Width));
                var a0 = S.Create(*a); c00 = S.Fma(a0, b0, c00); c01 = S.Fma(a0, b1, c01); c02 = S.Fma(a0, b2, c02);
                a0 = S.Create(a[stride]); c10 = S.Fma(a0, b0, c10); c11 = S.Fma(a0, b1, c11); c12 = S.Fma(a0, b2, c12);
                a0 = S.Create(a[2 * stride]); c20 = S.Fma(a0, b0, c20); c21 = S.Fma(a0, b1, c21); c22 = S.Fma(a0, b2, c22);
                a0 = S.Create(a[stride3]); c30 = S.Fma(a0, b0, c30); c31 = S.Fma(a0, b1, c31); c32 = S.Fma(a0, b2, c32);
                a0 = S.Create(*e); c40 = S.Fma(a0, b0, c40); c41 = S.Fma(a0, b1, c41); c42 = S.Fma(a0, b2, c42);
                a0 = S.Create(e[stride]); c50 = S.Fma(a0, b0, c50); c51 = S.Fma(a0, b1, c51); c52 = S.Fma(a0, b2, c52);
                a0 = S.Create(e[2 * stride]); c60 = S.Fma(a0, b0, c60); c61 = S.Fma(a0, b1, c61); c62 = S.Fma(a0, b2, c62);
                a0 = S.Create(e[stride3]); c70 = S.Fma(a0, b0, c70); c71 = S.Fma(a0, b1, c71); c72 = S.Fma(a0, b2, c72);
            }

            if (more == 0) break;
            a += o.StrideLine - o.K;
            e += o.StrideLine - o.K;
        }

        var c = o.C;
        S.Store(c00, c); S.Store(c01, c + S.Width); S.Store(c02, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c10, c); S.Store(c11, c + S.Width); S.Store(c12, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c20, c); S.Store(c21, c + S.Width); S.Store(c22, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c30, c); S.Store(c31, c + S.Width); S.Store(c32, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c40, c); S.Store(c41, c + S.Width); S.Store(c42, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c50, c); S.Store(c51, c + S.Width); S.Store(c52, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c60, c); S.Store(c61, c + S.Width); S.Store(c62, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c70, c); S.Store(c71, c + S.Width); S.Store(c72, c + (2 * S.Width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Rows8x2<S, V>(in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        V bias0 = o.Bias == null ? S.Zero : S.Load(o.Bias);
        V bias1 = o.Bias == null ? S.Zero : S.Load(o.Bias + S.Width);
        V c00 = bias0, c01 = bias1;
        V c10 = bias0, c11 = bias1;
        V c20 = bias0, c21 = bias1;
        V c30 = bias0, c31 = bias1;
        V c40 = bias0, c41 = bias1;
        V c50 = bias0, c51 = bias1;
        V c60 = bias0, c61 = bias1;
        V c70 = bias0, c71 = bias1;
        if (o.Residual != null)
        {
            var d = o.Residual;
            c00 = S.Add(c00, S.Load(d)); c01 = S.Add(c01, S.Load(d + S.Width)); d += o.StrideResidual;
            c10 = S.Add(c10, S.Load(d)); c11 = S.Add(c11, S.Load(d + S.Width)); d += o.StrideResidual;
            c20 = S.Add(c20, S.Load(d)); c21 = S.Add(c21, S.Load(d + S.Width)); d += o.StrideResidual;
            c30 = S.Add(c30, S.Load(d)); c31 = S.Add(c31, S.Load(d + S.Width)); d += o.StrideResidual;
            c40 = S.Add(c40, S.Load(d)); c41 = S.Add(c41, S.Load(d + S.Width)); d += o.StrideResidual;
            c50 = S.Add(c50, S.Load(d)); c51 = S.Add(c51, S.Load(d + S.Width)); d += o.StrideResidual;
            c60 = S.Add(c60, S.Load(d)); c61 = S.Add(c61, S.Load(d + S.Width)); d += o.StrideResidual;
            c70 = S.Add(c70, S.Load(d)); c71 = S.Add(c71, S.Load(d + S.Width));
        }

        nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;
        float* a = o.A, e = o.A + (4 * stride), b = o.B;
        for (var more = o.MoreLines; ; more--)
        {
            for (var k = o.K; k > 0; k--, a++, e++, b += strideB)
            {
                V b0 = S.Load(b), b1 = S.Load(b + S.Width);
                var a0 = S.Create(*a); c00 = S.Fma(a0, b0, c00); c01 = S.Fma(a0, b1, c01);
                a0 = S.Create(a[stride]); c10 = S.Fma(a0, b0, c10); c11 = S.Fma(a0, b1, c11);
                a0 = S.Create(a[2 * stride]); c20 = S.Fma(a0, b0, c20); c21 = S.Fma(a0, b1, c21);
                a0 = S.Create(a[stride3]); c30 = S.Fma(a0, b0, c30); c31 = S.Fma(a0, b1, c31);
                a0 = S.Create(*e); c40 = S.Fma(a0, b0, c40); c41 = S.Fma(a0, b1, c41);
                a0 = S.Create(e[stride]); c50 = S.Fma(a0, b0, c50); c51 = S.Fma(a0, b1, c51);
                a0 = S.Create(e[2 * stride]); c60 = S.Fma(a0, b0, c60); c61 = S.Fma(a0, b1, c61);
                a0 = S.Create(e[stride3]); c70 = S.Fma(a0, b0, c70); c71 = S.Fma(a0, b1, c71);
            }

            if (more == 0) break;
            a += o.StrideLine - o.K;
            e += o.StrideLine - o.K;
        }

        var c = o.C;
        S.Store(c00, c); S.Store(c01, c + S.Width); c += o.StrideC;
        S.Store(c10, c); S.Store(c11, c + S.Width); c += o.StrideC;
        S.Store(c20, c); S.Store(c21, c + S.Width); c += o.StrideC;
        S.Store(c30, c); S.Store(c31, c + S.Width); c += o.StrideC;
        S.Store(c40, c); S.Store(c41, c + S.Width); c += o.StrideC;
        S.Store(c50, c); S.Store(c51, c + S.Width); c += o.StrideC;
        S.Store(c60, c); S.Store(c61, c + S.Width); c += o.StrideC;
        S.Store(c70, c); S.Store(c71, c + S.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Rows8x1<S, V>(in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        V bias0 = o.Bias == null ? S.Zero : S.Load(o.Bias);
        V c00 = bias0;
        V c10 = bias0;
        V c20 = bias0;
        V c30 = bias0;
        V c40 = bias0;
        V c50 = bias0;
        V c60 = bias0;
        V c70 = bias0;
        if (o.Residual != null)
        {
            var d = o.Residual;
            c00 = S.Add(c00, S.Load(d)); d += o.StrideResidual;
            c10 = S.Add(c10, S.Load(d)); d += o.StrideResidual;
            c20 = S.Add(c20, S.Load(d)); d += o.StrideResidual;
            c30 = S.Add(c30, S.Load(d)); d += o.StrideResidual;
            c40 = S.Add(c40, S.Load(d)); d += o.StrideResidual;
            c50 = S.Add(c50, S.Load(d)); d += o.StrideResidual;
            c60 = S.Add(c60, S.Load(d)); d += o.StrideResidual;
            c70 = S.Add(c70, S.Load(d));
        }

        nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;
        float* a = o.A, e = o.A + (4 * stride), b = o.B;
        for (var more = o.MoreLines; ; more--)
        {
            for (var k = o.K; k > 0; k--, a++, e++, b += strideB)
            {
                V b0 = S.Load(b);
                var a0 = S.Create(*a); c00 = S.Fma(a0, b0, c00);
                a0 = S.Create(a[stride]); c10 = S.Fma(a0, b0, c10);
                a0 = S.Create(a[2 * stride]); c20 = S.Fma(a0, b0, c20);
                a0 = S.Create(a[stride3]); c30 = S.Fma(a0, b0, c30);
                a0 = S.Create(*e); c40 = S.Fma(a0, b0, c40);
                a0 = S.Create(e[stride]); c50 = S.Fma(a0, b0, c50);
                a0 = S.Create(e[2 * stride]); c60 = S.Fma(a0, b0, c60);
                a0 = S.Create(e[stride3]); c70 = S.Fma(a0, b0, c70);
            }

            if (more == 0) break;
            a += o.StrideLine - o.K;
            e += o.StrideLine - o.K;
        }

        var c = o.C;
        S.Store(c00, c); c += o.StrideC;
        S.Store(c10, c); c += o.StrideC;
        S.Store(c20, c); c += o.StrideC;
        S.Store(c30, c); c += o.StrideC;
        S.Store(c40, c); c += o.StrideC;
        S.Store(c50, c); c += o.StrideC;
        S.Store(c60, c); c += o.StrideC;
        S.Store(c70, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Rows4x3<S, V>(in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        V bias0 = o.Bias == null ? S.Zero : S.Load(o.Bias);
        V bias1 = o.Bias == null ? S.Zero : S.Load(o.Bias + S.Width);
        V bias2 = o.Bias == null ? S.Zero : S.Load(o.Bias + (2 * S.Width));
        V c00 = bias0, c01 = bias1, c02 = bias2;
        V c10 = bias0, c11 = bias1, c12 = bias2;
        V c20 = bias0, c21 = bias1, c22 = bias2;
        V c30 = bias0, c31 = bias1, c32 = bias2;
        if (o.Residual != null)
        {
            var d = o.Residual;
            c00 = S.Add(c00, S.Load(d)); c01 = S.Add(c01, S.Load(d + S.Width)); c02 = S.Add(c02, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c10 = S.Add(c10, S.Load(d)); c11 = S.Add(c11, S.Load(d + S.Width)); c12 = S.Add(c12, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c20 = S.Add(c20, S.Load(d)); c21 = S.Add(c21, S.Load(d + S.Width)); c22 = S.Add(c22, S.Load(d + (2 * S.Width))); d += o.StrideResidual;
            c30 = S.Add(c30, S.Load(d)); c31 = S.Add(c31, S.Load(d + S.Width)); c32 = S.Add(c32, S.Load(d + (2 * S.Width)));
        }

        nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;
        float* a = o.A, b = o.B;
        for (var more = o.MoreLines; ; more--)
        {
            for (var k = o.K; k > 0; k--, a++, b += strideB)
            {
                V b0 = S.Load(b), b1 = S.Load(b + S.Width), b2 = S.Load(b + (2 * S.Width));
                var a0 = S.Create(*a); c00 = S.Fma(a0, b0, c00); c01 = S.Fma(a0, b1, c01); c02 = S.Fma(a0, b2, c02);
                a0 = S.Create(a[stride]); c10 = S.Fma(a0, b0, c10); c11 = S.Fma(a0, b1, c11); c12 = S.Fma(a0, b2, c12);
                a0 = S.Create(a[2 * stride]); c20 = S.Fma(a0, b0, c20); c21 = S.Fma(a0, b1, c21); c22 = S.Fma(a0, b2, c22);
                a0 = S.Create(a[stride3]); c30 = S.Fma(a0, b0, c30); c31 = S.Fma(a0, b1, c31); c32 = S.Fma(a0, b2, c32);
            }

            if (more == 0) break;
            a += o.StrideLine - o.K;
        }

        var c = o.C;
        S.Store(c00, c); S.Store(c01, c + S.Width); S.Store(c02, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c10, c); S.Store(c11, c + S.Width); S.Store(c12, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c20, c); S.Store(c21, c + S.Width); S.Store(c22, c + (2 * S.Width)); c += o.StrideC;
        S.Store(c30, c); S.Store(c31, c + S.Width); S.Store(c32, c + (2 * S.Width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Rows4x2<S, V>(in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        V bias0 = o.Bias == null ? S.Zero : S.Load(o.Bias);
        V bias1 = o.Bias == null ? S.Zero : S.Load(o.Bias + S.Width);
        V c00 = bias0, c01 = bias1;
        V c10 = bias0, c11 = bias1;
        V c20 = bias0, c21 = bias1;
        V c30 = bias0, c31 = bias1;
        if (o.Residual != null)
        {
            var d = o.Residual;
            c00 = S.Add(c00, S.Load(d)); c01 = S.Add(c01, S.Load(d + S.Width)); d += o.StrideResidual;
            c10 = S.Add(c10, S.Load(d)); c11 = S.Add(c11, S.Load(d + S.Width)); d += o.StrideResidual;
            c20 = S.Add(c20, S.Load(d)); c21 = S.Add(c21, S.Load(d + S.Width)); d += o.StrideResidual;
            c30 = S.Add(c30, S.Load(d)); c31 = S.Add(c31, S.Load(d + S.Width));
        }

        nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;
        float* a = o.A, b = o.B;
        for (var more = o.MoreLines; ; more--)
        {
            for (var k = o.K; k > 0; k--, a++, b += strideB)
            {
                V b0 = S.Load(b), b1 = S.Load(b + S.Width);
                var a0 = S.Create(*a); c00 = S.Fma(a0, b0, c00); c01 = S.Fma(a0, b1, c01);
                a0 = S.Create(a[stride]); c10 = S.Fma(a0, b0, c10); c11 = S.Fma(a0, b1, c11);
                a0 = S.Create(a[2 * stride]); c20 = S.Fma(a0, b0, c20); c21 = S.Fma(a0, b1, c21);
                a0 = S.Create(a[stride3]); c30 = S.Fma(a0, b0, c30); c31 = S.Fma(a0, b1, c31);
            }

            if (more == 0) break;
            a += o.StrideLine - o.K;
        }

        var c = o.C;
        S.Store(c00, c); S.Store(c01, c + S.Width); c += o.StrideC;
        S.Store(c10, c); S.Store(c11, c + S.Width); c += o.StrideC;
        S.Store(c20, c); S.Store(c21, c + S.Width); c += o.StrideC;
        S.Store(c30, c); S.Store(c31, c + S.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Rows4x1<S, V>(in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        V bias0 = o.Bias == null ? S.Zero : S.Load(o.Bias);
        V c00 = bias0;
        V c10 = bias0;
        V c20 = bias0;
        V c30 = bias0;
        if (o.Residual != null)
        {
            var d = o.Residual;
            c00 = S.Add(c00, S.Load(d)); d += o.StrideResidual;
            c10 = S.Add(c10, S.Load(d)); d += o.StrideResidual;
            c20 = S.Add(c20, S.Load(d)); d += o.StrideResidual;
            c30 = S.Add(c30, S.Load(d));
        }

        nint stride = o.StrideA, stride3 = 3 * stride, strideB = o.StrideB;
        float* a = o.A, b = o.B;
        for (var more = o.MoreLines; ; more--)
        {
            for (var k = o.K; k > 0; k--, a++, b += strideB)
            {
                V b0 = S.Load(b);
                var a0 = S.Create(*a); c00 = S.Fma(a0, b0, c00);
                a0 = S.Create(a[stride]); c10 = S.Fma(a0, b0, c10);
                a0 = S.Create(a[2 * stride]); c20 = S.Fma(a0, b0, c20);
                a0 = S.Create(a[stride3]); c30 = S.Fma(a0, b0, c30);
            }

            if (more == 0) break;
            a += o.StrideLine - o.K;
        }

        var c = o.C;
        S.Store(c00, c); c += o.StrideC;
        S.Store(c10, c); c += o.StrideC;
        S.Store(c20, c); c += o.StrideC;
        S.Store(c30, c);
    }
}
