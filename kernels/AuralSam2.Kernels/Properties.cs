using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("AuralSam2.Kernels.Tests")]
[assembly: InternalsVisibleTo("AuralSam2.Bench")]
[assembly: InternalsVisibleTo("AuralSam2.Ladder")]

// ILGPU emits its kernel launchers into an assembly of this name; argument structs of kernels are internal.
[assembly: InternalsVisibleTo("ILGPURuntime")]
