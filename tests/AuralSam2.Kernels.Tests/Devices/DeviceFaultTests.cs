using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>What an accelerator may do to us in mid-run, done to the emulator.</summary>
public sealed class DeviceFaultTests
{
    [Theory, InlineData("CUDA_ERROR_OUT_OF_MEMORY"), InlineData("opencl"), InlineData("host")]
    public void OutOfMemorySaysWhatWasAskedAndWhatIsHeldAndIsSurvived(string kind)
    {
        using var device = new EmulatorDevice();
        using var weights = device.Allocate(1 << 20);
        using (device.Scope()) device.Rent(10);
        Fail(device, DeviceCall.Allocate, nth: 2, kind switch
        {
            "opencl" => new CLException(CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE),
            "host" => new OutOfMemoryException(),
            _ => Cuda(kind),
        });
        using var first = device.Allocate(10);
        var error = Assert.Throws<DeviceException>(() => device.Allocate(3 << 18));
        Assert.Equal(
            $"{device.Name} is out of device memory: 3.0 MiB asked for; activations hold 32.0 MiB, weights and other buffers 4.0 MiB. " +
            "Choose a smaller model or another device, for example --device cpu",
            error.Message);
        using var smaller = device.Allocate(10);
        device.Fill(smaller.View(10), 1);
        Assert.Equal(1, device.Download(smaller.View(10))[9]);
    }

    [Fact]
    public void WhatIsFreeIsSaidWhereItIsKnown()
    {
        using var device = new NearlyFullDevice();
        Fail(device, DeviceCall.Allocate, nth: 1, Cuda("CUDA_ERROR_OUT_OF_MEMORY"));
        var error = Assert.Throws<DeviceException>(() => device.Allocate(10));
        Assert.Contains("; 1.0 MiB of 80.00 GiB are free. ", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The arena is the one that asks most of the time; its scopes stay in order.</summary>
    [Fact]
    public void OutOfMemoryInsideAModelUnwindsItsScopes()
    {
        using var device = new EmulatorDevice();
        Fail(device, DeviceCall.Allocate, nth: 2, Cuda("CUDA_ERROR_OUT_OF_MEMORY"));
        Action model = () =>
        {
            using var outer = device.Scope();
            device.Rent(1 << 20);
            using var inner = device.Scope();
            device.Rent(8 << 20);
        };
        Assert.Throws<DeviceException>(model);
        Assert.Equal(0, device.Arena.OpenScopes);
        model();
    }

    [Theory]
    [InlineData(nameof(DeviceCall.Launch), "CUDA_ERROR_LAUNCH_FAILED")]
    [InlineData(nameof(DeviceCall.Launch), "CUDA_ERROR_ILLEGAL_ADDRESS")]
    [InlineData(nameof(DeviceCall.Copy), "CUDA_ERROR_ECC_UNCORRECTABLE")]
    [InlineData(nameof(DeviceCall.Synchronize), "CUDA_ERROR_ILLEGAL_ADDRESS")]
    [InlineData(nameof(DeviceCall.Synchronize), "CUDA_ERROR_UNKNOWN")]
    [InlineData(nameof(DeviceCall.Allocate), "CUDA_ERROR_ILLEGAL_ADDRESS")]
    public void ALostDeviceSaysSoAndStaysLostAndAnotherGoesOn(string call, string code)
    {
        var device = new EmulatorDevice();
        var x = device.AllocateTensor(4);
        var host = device.AllocateHost(4);
        device.Fill(x, 1);
        Fail(device, Enum.Parse<DeviceCall>(call), nth: 1, Cuda(code));
        Action run = () =>
        {
            device.Copy(x, x);
            device.Synchronize();
            device.Download(x);
            device.Allocate(4);
        };
        var error = Assert.Throws<DeviceException>(run);
        Assert.StartsWith($"{device.Name} was lost in mid-run: ", error.Message);
        // A launch that fails reports what an earlier kernel did.
        var suspect = call == nameof(DeviceCall.Launch) ? "FillRows" : "CopyRows";
        Assert.EndsWith($"({code}); the kernel launched last was {suspect}. Choose another device, for example --device cpu", error.Message);
        Assert.IsType<CudaException>(error.InnerException);

        Action[] later =
        [
            run, device.Synchronize, () => device.Fill(x, 1), () => device.Upload(new float[4], x), () => device.Download(x),
            () => device.Allocate(1), () => device.BeginUpload(host, x), () => device.BeginDownload(x, host),
        ];
        Assert.All(later, again => Assert.Equal(error.Message, Assert.Throws<DeviceException>(again).Message));
        x.Buffer.Dispose();
        device.Dispose();
        host.Dispose();

        using var next = new EmulatorDevice();
        using var y = next.Allocate(4);
        next.Fill(y.View(4), 3);
        Assert.Equal([3, 3, 3, 3], next.Download(y.View(4)));
    }

    /// <summary>The work that failed may be work that nobody waited for.</summary>
    [Fact]
    public void DisposingFindsALostDeviceAndDoesNotThrow()
    {
        var device = new EmulatorDevice();
        var x = device.AllocateTensor(4);
        device.Fill(x, 1);
        Fail(device, DeviceCall.Synchronize, nth: 1, Cuda("CUDA_ERROR_ILLEGAL_ADDRESS"));
        device.Dispose();
        Assert.True(device.Health.IsLost);
        x.Buffer.Dispose();
    }

    /// <summary>A driver that is too old for a kernel refuses it; what else runs goes on running.</summary>
    [Theory, InlineData("CUDA_ERROR_INVALID_PTX"), InlineData("222"), InlineData("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES")]
    public void ARefusedKernelIsNamedAndTheDeviceGoesOn(string code)
    {
        using var device = new EmulatorDevice();
        var x = device.AllocateTensor(4);
        Fail(device, DeviceCall.Launch, nth: 2, Cuda(code));
        device.Fill(x, 1);
        var error = Assert.Throws<DeviceException>(() => device.Copy(x, x));
        Assert.StartsWith($"{device.Name} cannot run CopyRows: ", error.Message);
        Assert.EndsWith($"({code})", error.Message);
        device.Copy(x, x);
    }

    /// <summary>Mistakes of a caller are not faults of a device.</summary>
    [Fact]
    public void OtherErrorsPassThrough()
    {
        using var device = new EmulatorDevice();
        var x = device.AllocateTensor(4);
        Fail(device, DeviceCall.Launch, nth: 1, new InvalidOperationException("a mistake"));
        Assert.Throws<InvalidOperationException>(() => device.Fill(x, 1));
        device.Fill(x, 1);
        Assert.False(device.Health.IsLost);
    }

    private static void Fail(IlgpuDevice device, DeviceCall call, int nth, Exception error) => device.Health.BeforeCall = c =>
    {
        if (c == call && --nth == 0) throw error;
    };

    /// <summary>As the driver would throw it; the constructor asks the driver for a text.</summary>
    private static CudaException Cuda(string code)
    {
        var error = (CudaException)RuntimeHelpers.GetUninitializedObject(typeof(CudaException));
        typeof(CudaException).GetField("<Error>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(error, code);
        return error;
    }

    private sealed class NearlyFullDevice : IlgpuDevice
    {
        public NearlyFullDevice()
            : this(EmulatorDevice.Open(groupSize: 1, multiprocessors: 1))
        {
        }

        private NearlyFullDevice((ILGPU.Context Context, ILGPU.Runtime.CPU.CPUAccelerator Accelerator) opened)
            : base(opened.Context, opened.Accelerator, maxGroupSize: 1)
        {
        }

        public override string Name => "nearly full";

        internal override (long Free, long Total)? Memory() => (1 << 20, 80L << 30);
    }
}
