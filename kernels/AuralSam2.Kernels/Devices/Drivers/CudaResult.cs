namespace AuralSam2.Kernels.Drivers;

/// <summary>Results of the CUDA driver interface (CUresult) that a person can do something about.</summary>
internal static class CudaResult
{
    public const int StubLibrary = 34;
    public const int NoDevice = 100;
    public const int InvalidDevice = 101;
    public const int SystemNotReady = 802;
    public const int DriverMismatch = 803;
    public const int CompatibilityUnsupported = 804;
    public const int Unknown = 999;

    /// <summary>Ours: the library has not the function that was called.</summary>
    public const int Incomplete = -1;
}
