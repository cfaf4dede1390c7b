using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("AuralSam2.Kernels.Tests")]
