namespace AuralSam2.Bench.Trunk;

/// <summary>This engine's side: weights and image by the rule of the fixtures, as on the peer's side.</summary>
internal sealed class OurTrunk : ITrunk
{
    // SEAM: create the device and AuralSam2.Models.Sam2.Hiera here, with weights by rule under image_encoder.trunk.* and the image
    // `input.image` [1, 3, size, size] by rule (offset 0, scale 2); Run() times one forward, Output() downloads the four maps.
    public OurTrunk(TrunkRace race) =>
        throw new InvalidOperationException($"this engine has no {race.Shape.Model} trunk yet; use --peer-only");

    public string Name => "AuralSam2.Kernels";

    public double Run() => throw new NotImplementedException();

    public float[] Output() => throw new NotImplementedException();

    public void Dispose()
    {
    }
}
