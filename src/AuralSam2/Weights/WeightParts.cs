namespace AuralSam2.Weights;

/// <summary>What an AuralSAM2 is made of. People have them in one file or in several.</summary>
[Flags]
public enum WeightParts
{
    /// <summary>Nothing of it.</summary>
    None = 0,

    /// <summary>SAM2: image encoder, decoder, memory.</summary>
    Sam2 = 1,

    /// <summary>VGGish, the sound encoder.</summary>
    Vggish = 2,

    /// <summary>AuralFuser without its VGGish.</summary>
    Fuser = 4,

    /// <summary>DistilRoBERTa, the text encoder of Ref-AVS.</summary>
    Text = 8,
}
