using System.Globalization;
using System.Text.RegularExpressions;

namespace AuralSam2.Bench.Compiled;

/// <summary>Instructions of a kernel's machine code by kind, each counted once however often it runs.</summary>
/// <param name="Total">All, without the padding behind the end.</param>
/// <param name="MultiplyAdds">FFMA.</param>
/// <param name="SharedLoads">LDS.</param>
/// <param name="SharedStores">STS.</param>
/// <param name="GlobalLoads">LDG.</param>
/// <param name="GlobalStores">STG.</param>
/// <param name="Barriers">BAR.</param>
/// <param name="WidestShared">Bits of the widest LDS or STS; 0 without any.</param>
/// <param name="WidestGlobal">Bits of the widest LDG or STG; 0 without any.</param>
/// <param name="InnerLoop">The loop with the most multiply-adds, where there is one.</param>
internal sealed partial record InstructionMix(
    int Total, int MultiplyAdds, int SharedLoads, int SharedStores, int GlobalLoads, int GlobalStores, int Barriers,
    int WidestShared, int WidestGlobal, InnerLoop? InnerLoop)
{
    /// <summary>Counts.</summary>
    /// <param name="sass">What cuobjdump printed of one kernel.</param>
    public static InstructionMix Of(string sass)
    {
        var code = Instruction().Matches(sass)
            .Select(m => new Step(Hexadecimal(m.Groups["address"].Value), m.Groups["name"].Value, m.Groups["rest"].Value)).ToArray();
        // Behind the last branch, which jumps to itself, there is only padding.
        var end = Array.FindLastIndex(code, s => s.Is("BRA") && s.Target == s.Address);
        if (end >= 0) code = code[..end];
        return new InstructionMix(
            code.Length, Count("FFMA"), Count("LDS"), Count("STS"), Count("LDG"), Count("STG"), Count("BAR"),
            Widest("LDS", "STS"), Widest("LDG", "STG"), InnerLoopOf(code));

        int Count(string name) => code.Count(s => s.Is(name));

        int Widest(params string[] names) => code.Where(s => names.Any(s.Is)).Select(s => s.Bits).DefaultIfEmpty(0).Max();
    }

    /// <summary>
    /// Of the stretches that a branch back repeats and that hold no other such stretch, the one with the most multiply-adds.
    /// </summary>
    private static InnerLoop? InnerLoopOf(Step[] code)
    {
        var loops = code.Where(s => s.Is("BRA") && s.Target >= 0 && s.Target < s.Address).Select(s => (From: s.Target, To: s.Address)).ToArray();
        return loops.Where(l => !loops.Any(m => m != l && m.From >= l.From && m.To <= l.To))
            .Select(l => code.Where(s => s.Address >= l.From && s.Address <= l.To).ToArray())
            .Select(body => new InnerLoop(body.Length, body.Count(s => s.Is("FFMA")), body.Count(s => s.Is("LDS")), body.Count(s => s.Is("LDG"))))
            .Where(l => l.MultiplyAdds > 0).MaxBy(l => l.MultiplyAdds);
    }

    private static int Hexadecimal(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>One instruction: <c>/*0420*/ @!P0 LDG.E.128.CONSTANT R4, desc[UR4][R2.64] ;</c>.</summary>
    private readonly record struct Step(int Address, string Name, string Rest)
    {
        public bool Is(string name) => Name == name || Name.StartsWith(name + ".", StringComparison.Ordinal);

        /// <summary>Width of a load or store: 32 bits where the name says nothing.</summary>
        public int Bits => Name.Split('.') switch
        {
            var parts when parts.Contains("128") => 128,
            var parts when parts.Contains("64") => 64,
            var parts when parts.Contains("U8") || parts.Contains("S8") => 8,
            var parts when parts.Contains("U16") || parts.Contains("S16") => 16,
            _ => 32,
        };

        /// <summary>Where a branch goes; -1 where that is not in the text.</summary>
        public int Target => Destination().Match(Rest) is { Success: true } m ? Hexadecimal(m.Groups["to"].Value) : -1;
    }

    [GeneratedRegex(@"^\s+/\*(?<address>[0-9a-f]{4,})\*/\s+(@!?U?P\w+\s+)?(?<name>[A-Z][A-Z0-9_.]*)(?<rest>[^;]*);", RegexOptions.Multiline)]
    private static partial Regex Instruction();

    [GeneratedRegex(@"0x(?<to>[0-9a-f]+)\s*$")]
    private static partial Regex Destination();
}

/// <summary>The body of a loop.</summary>
/// <param name="Total">Instructions.</param>
/// <param name="MultiplyAdds">FFMA among them.</param>
/// <param name="SharedLoads">LDS among them.</param>
/// <param name="GlobalLoads">LDG among them.</param>
internal sealed record InnerLoop(int Total, int MultiplyAdds, int SharedLoads, int GlobalLoads);
