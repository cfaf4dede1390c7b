using AuralSam2.Bench.Suites;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

const int CaseWidth = 72; // the longest name of a case

// In this process: the runtime then has the engine's own settings, and what an op declares is known where the columns are made.
var config = ManualConfig.Create(DefaultConfig.Instance)
    .AddJob(new Job().WithToolchain(InProcessEmitToolchain.Instance).AsMutator())
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(new GflopsColumn())
    .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(CaseWidth))
    .WithArtifactsPath(Path.Combine("artifacts", "benchmarks"))
    .AddExporter(JsonExporter.Brief)
    .WithOptions(ConfigOptions.JoinSummary);
var summaries = BenchmarkSwitcher.FromTypes([typeof(OpSuite), typeof(PartSuite)]).Run(args, config);
return summaries.Any(s => s.HasCriticalValidationErrors || s.Reports.Any(r => !r.Success)) ? 1 : 0;
