using System.Text.Json;
using System.Text.Unicode;

namespace AuralSam2.Weights;

/// <summary>
/// The JSON header of a safetensors file, checked against every rule of the format
/// (https://huggingface.co/docs/safetensors): whoever holds one of a whole file may trust its offsets.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Bytes; the limit of the reference implementation, against headers that only exhaust memory.</summary>
    public const int LongestHeader = 100_000_000;

    /// <summary>The one name that is no tensor.</summary>
    public const string MetadataKey = "__metadata__";

    private readonly string file;
    private readonly List<Claim> claims = [];

    private SafetensorsHeader(string file) => this.file = file;

    public Dictionary<string, string> Metadata { get; } = [];

    public Dictionary<string, SafetensorsEntry> Tensors { get; } = [];

    /// <summary>The first tensor that a file lacks because it was cut short; <c>null</c> for a whole one.</summary>
    public string? CutShort { get; private set; }

    /// <summary>Parses and checks a header.</summary>
    /// <param name="file">Name for messages.</param>
    /// <param name="json">The header, padding included.</param>
    /// <param name="dataStart">First byte after the header, from the start of the file.</param>
    /// <param name="dataLength">Bytes from there to the end of the file.</param>
    /// <exception cref="WeightsException">A rule of the format is broken.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlySpan<byte> json, long dataStart, long dataLength)
    {
        var header = new SafetensorsHeader(file);
        if (json.IsEmpty || json[0] != '{') throw header.Broken("the header does not start with '{'");
        if (!Utf8.IsValid(json)) throw header.Broken("the header is not valid UTF-8");
        try
        {
            header.ReadObject(json);
        }
        catch (JsonException e)
        {
            throw header.Broken($"the header is not valid JSON (byte {e.BytePositionInLine} of its line {e.LineNumber})", e);
        }
        catch (InvalidOperationException e)
        {
            // Utf8JsonReader's answer to an escaped lone surrogate such as "\ud800".
            throw header.Broken("the header holds a string that is not valid Unicode", e);
        }

        header.PlaceTensors(dataStart, dataLength);
        return header;
    }

    private void ReadObject(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        reader.Read();
        var names = new HashSet<string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!names.Add(name)) throw Broken($"the name {WeightsException.Quote(name)} appears twice in the header");
            reader.Read();
            if (name == MetadataKey) ReadMetadata(ref reader);
            else claims.Add(ReadTensor(name, ref reader));
        }

        var rest = json[(int)reader.BytesConsumed..];
        if (rest.ContainsAnyExcept((byte)' ')) throw Broken("the header goes on after its closing '}' with something other than spaces");
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Broken($"{MetadataKey} is {Kind(reader)}, not an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Broken($"{MetadataKey} has {Kind(reader)} under {WeightsException.Quote(key)} where a string is expected");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                throw Broken($"the key {WeightsException.Quote(key)} appears twice in {MetadataKey}");
        }
    }

    private Claim ReadTensor(string name, ref Utf8JsonReader reader)
    {
        if (name.Length == 0) throw Broken("a tensor has an empty name");
        var tensor = $"tensor {WeightsException.Quote(name)}";
        if (reader.TokenType != JsonTokenType.StartObject) throw Broken($"{tensor} is {Kind(reader)}, not an object");

        SafetensorsDType? dtype = null;
        int[]? shape = null;
        ulong[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when dtype is null:
                    dtype = ReadDType(tensor, ref reader);
                    break;
                case "shape" when shape is null:
                    shape = ReadShape(tensor, ref reader);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(tensor, key, ref reader);
                    if (offsets.Length != 2) throw Broken($"{tensor} has {offsets.Length} data_offsets, expected 2");
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Broken($"{tensor} has {key} twice");
                default:
                    throw Broken($"{tensor} has the unknown key {WeightsException.Quote(key)}; expected dtype, shape, data_offsets");
            }
        }

        if (dtype is null) throw Broken($"{tensor} has no dtype");
        if (shape is null) throw Broken($"{tensor} has no shape");
        if (offsets is null) throw Broken($"{tensor} has no data_offsets");
        var claim = new Claim(name, dtype.Value, shape, offsets[0], offsets[1]);
        CheckSize(tensor, claim);
        return claim;
    }

    private SafetensorsDType ReadDType(string tensor, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String) throw Broken($"the dtype of {tensor} is {Kind(reader)}, not a string");
        var tag = reader.GetString()!;
        return SafetensorsDTypes.Parse(tag) ?? throw Broken($"{tensor} has the unknown dtype {WeightsException.Quote(tag)}");
    }

    private int[] ReadShape(string tensor, ref Utf8JsonReader reader)
    {
        var dims = ReadIntegers(tensor, "shape", ref reader);
        foreach (var dim in dims)
            if (dim > int.MaxValue) throw Broken($"{tensor} has a dimension of {dim}, expected at most {int.MaxValue}");
        return Array.ConvertAll(dims, dim => (int)dim);
    }

    private ulong[] ReadIntegers(string tensor, string key, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Broken($"the {key} of {tensor} is {Kind(reader)}, not an array");
        var values = new List<ulong>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // Digits only: "-0", "1.0" and "1e3" are numbers of JSON but no integers of the format.
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan.ContainsAnyExceptInRange((byte)'0', (byte)'9') ||
                !reader.TryGetUInt64(out var value))
                throw Broken($"the {key} of {tensor} holds something that is not an integer from 0 to {ulong.MaxValue}");
            values.Add(value);
        }

        return [.. values];
    }

    private void CheckSize(string tensor, Claim claim)
    {
        var (_, dtype, shape, begin, end) = claim;
        if (begin > end) throw Broken($"{tensor} has data_offsets [{begin}, {end}], which end before they begin");

        // A dimension is below 2^31 and the product so far below 2^64, so no step leaves 128 bits.
        var expected = (UInt128)dtype.ByteSize();
        foreach (var dim in shape)
        {
            expected *= (UInt128)dim;
            if (expected > ulong.MaxValue) throw Broken($"the size of {tensor} {TensorShape.Text(shape)} overflows 64 bits");
        }

        if (end - begin != expected)
            throw Broken($"{tensor} of {dtype.Tag()} {TensorShape.Text(shape)} is given {end - begin} bytes, expected {expected}");
    }

    /// <summary>Demands that the tensors cover the data exactly: no hole, no overlap, no byte left over.</summary>
    private void PlaceTensors(long dataStart, long dataLength)
    {
        // Ordering by end as well puts a tensor without elements before the one that starts where it lies.
        claims.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        var covered = 0UL;
        foreach (var claim in claims)
        {
            if (claim.Begin != covered)
            {
                var fault = claim.Begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
                throw Broken($"tensor {WeightsException.Quote(claim.Name)} {fault}: it begins at byte {claim.Begin}, expected {covered}");
            }

            covered = claim.End;
        }

        if (covered > long.MaxValue - (ulong)dataStart) throw Broken($"the tensors have {covered} bytes, which no file has");
        if (covered > (ulong)dataLength)
        {
            var (name, _, _, begin, end) = claims.Find(claim => claim.End > (ulong)dataLength);
            CutShort = $"tensor {WeightsException.Quote(name)} ({end - begin} bytes) is not in its {dataStart + dataLength} bytes";
        }

        if (covered < (ulong)dataLength) throw Broken($"{(ulong)dataLength - covered} bytes follow the last tensor, expected 0");
        foreach (var (name, dtype, shape, begin, end) in claims)
            Tensors.Add(name, new SafetensorsEntry(name, dtype, shape, dataStart + (long)begin, (long)(end - begin)));
    }

    private static string Kind(in Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "a boolean",
    };

    private WeightsException Broken(string what, Exception? inner = null) =>
        new($"{file}: {what}; the file is damaged or not safetensors, download or export it again", inner);

    /// <summary>A tensor as the header claims it, offsets counted from the end of the header.</summary>
    private readonly record struct Claim(string Name, SafetensorsDType DType, int[] Shape, ulong Begin, ulong End);
}
