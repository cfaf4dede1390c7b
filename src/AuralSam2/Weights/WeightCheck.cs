using System.Text;

namespace AuralSam2.Weights;

/// <summary>Compares what a model declares with what a source holds, before anything is read.</summary>
public static class WeightCheck
{
    /// <summary>Lines shown of each kind of problem.</summary>
    private const int Shown = 20;
    private const string FuserPrefix = "aural_fuser.";

    /// <summary>Demands that a source holds every declared tensor in its shape, and no other.</summary>
    /// <param name="source">The weights.</param>
    /// <param name="declared">Parameters of the model.</param>
    /// <param name="tolerated">Undeclared names that are fine. BatchNorm's num_batches_tracked always is: nothing uses it.</param>
    /// <exception cref="WeightsException">A one-line summary, then every missing, unexpected and misshapen tensor.</exception>
    public static void Verify(IWeightSource source, IReadOnlyList<ParameterSpec> declared, Func<string, bool>? tolerated = null)
    {
        var missing = new List<string>();
        var misshapen = new List<string>();
        foreach (var (name, expected) in declared)
        {
            var found = source.ShapeOf(name, expected);
            var wanted = TensorShape.Text(expected);
            if (found is null) missing.Add($"{Title(name)} {wanted}");
            else if (!found.SequenceEqual(expected)) misshapen.Add($"{Title(name)} expected {wanted}, found {TensorShape.Text(found)}");
        }

        var known = declared.Select(parameter => parameter.Name).ToHashSet();
        var unexpected = source.Names
            .Where(name => !known.Contains(name) && !name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
            .Where(name => tolerated?.Invoke(name) != true)
            .Select(name => $"{Title(name)} {TensorShape.Text(source.ShapeOf(name, []) ?? [])}")
            .ToList();
        if (missing.Count + misshapen.Count + unexpected.Count == 0) return;

        var message = new StringBuilder($"{source.Description}: of {declared.Count} tensors {missing.Count} are missing and " +
            $"{misshapen.Count} have another shape, {unexpected.Count} are unexpected; {Advice(source, declared, misshapen.Count)}");
        Append(message, "missing", missing);
        Append(message, "shape", misshapen);
        Append(message, "unexpected", unexpected);
        throw new WeightsException(message.ToString());
    }

    /// <summary>Half a checkpoint is the likeliest mistake: SAM2 without the fuser, or the fuser without SAM2.</summary>
    private static string Advice(IWeightSource source, IReadOnlyList<ParameterSpec> declared, int misshapen)
    {
        var halves = declared.ToLookup(
            parameter => parameter.Name.StartsWith(FuserPrefix, StringComparison.Ordinal),
            parameter => source.ShapeOf(parameter.Name, parameter.Shape) is not null);
        var (fuser, sam2) = (halves[true].ToList(), halves[false].ToList());
        if (misshapen == 0 && fuser.Count > 0 && sam2.Count > 0)
        {
            if (sam2.TrueForAll(found => found) && !fuser.Contains(true))
                return "SAM2 is complete and the fuser is missing: give AuralFuser's file as well";
            if (fuser.TrueForAll(found => found) && !sam2.Contains(true))
                return "the fuser is complete and SAM2 is missing: give SAM2's file as well";
        }

        return "is this the file of another model? --model chooses";
    }

    private static void Append(StringBuilder message, string kind, List<string> lines)
    {
        foreach (var line in lines.Take(Shown)) message.Append($"\n  {kind}: {line}");
        if (lines.Count > Shown) message.Append($"\n  {kind}: ... and {lines.Count - Shown} more");
    }

    private static string Title(string name) => WeightsException.Quote(name)[1..^1];
}
