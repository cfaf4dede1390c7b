/// <summary>
/// Runs inside a command that a test started with DOTNET_STARTUP_HOOKS: writes the names of all assemblies that it loaded into the file
/// AURAL_TEST_ASSEMBLIES. The runtime wants the class by this name, outside of any namespace.
/// </summary>
internal static class StartupHook
{
    public const string File = "AURAL_TEST_ASSEMBLIES";

    public static void Initialize() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        if (Environment.GetEnvironmentVariable(File) is { } file)
            System.IO.File.WriteAllLines(file, AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name!));
    };
}
