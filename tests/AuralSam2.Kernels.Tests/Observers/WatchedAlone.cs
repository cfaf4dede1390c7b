using Xunit;

namespace AuralSam2.Kernels.Tests.Observers;

/// <summary>Tests that listen to every device of the process, or count on nobody doing so.</summary>
[CollectionDefinition(nameof(WatchedAlone), DisableParallelization = true)]
public sealed class WatchedAlone;
