namespace AuralSam2.Bench;

/// <summary>The clone that this program was built in.</summary>
internal static class Repository
{
    /// <summary>Its folder.</summary>
    /// <exception cref="InvalidOperationException">The program runs from elsewhere.</exception>
    public static string Root()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "AuralSam2.Kernels.sln"))) return folder;
        throw new InvalidOperationException($"this needs a clone of the repository, and no AuralSam2.Kernels.sln is above {AppContext.BaseDirectory}");
    }
}
