using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("AuralSam2.Tests")]
[assembly: InternalsVisibleTo("AuralSam2.Cli.Tests")]
[assembly: InternalsVisibleTo("AuralSam2.Bench")]
[assembly: InternalsVisibleTo("FuzzWeights")]
