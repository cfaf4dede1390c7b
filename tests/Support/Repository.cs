namespace AuralSam2.Testing;

/// <summary>Finds files of the repository from wherever the tests run.</summary>
internal static class Repository
{
    /// <summary>The folder that holds AuralSam2.Kernels.sln.</summary>
    public static string Root { get; } = Find();

    /// <summary>The folder of shared fixtures and media beside the repository, or null where there is none.</summary>
    public static string? Shared { get; } =
        Directory.Exists(Path.Combine(Root, "..", "shared", "goldens")) ? Path.GetFullPath(Path.Combine(Root, "..", "shared")) : null;

    /// <summary>A path inside tests/Goldens.</summary>
    public static string Golden(string name) => Path.Combine(Root, "tests", "Goldens", name);

    /// <summary>A path inside the shared folder; skips the test where there is none.</summary>
    public static string SharedOrSkip(params string[] parts)
    {
        if (Shared is null) Xunit.Assert.Skip("the folder of shared fixtures and media (../shared) is not here");
        return Path.Combine([Shared!, .. parts]);
    }

    private static string Find()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "AuralSam2.Kernels.sln"))) return folder;
        throw new DirectoryNotFoundException($"no AuralSam2.Kernels.sln above {AppContext.BaseDirectory}");
    }
}
