using System.Buffers.Binary;
using System.Text;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>A name that Python would import.</summary>
internal sealed record PickledName(string Module, string Name);

/// <summary>A call that Python would make.</summary>
internal sealed record PickledCall(PickledName Function, params object?[] Arguments);

/// <summary>A dictionary; with attributes, as state dicts have them, if <paramref name="State"/> is set.</summary>
internal sealed record PickledDictionary(IReadOnlyList<(object Key, object? Value)> Entries, bool Ordered = false, object? State = null);

/// <summary>Something outside the pickle.</summary>
internal sealed record PickledReference(params object?[] Id);

/// <summary>Instructions as they are.</summary>
internal sealed record PickledCode(params byte[] Code);

/// <summary>Writes pickles the way Python does: strings and names are remembered and recalled, large dictionaries set in batches.</summary>
internal sealed class PickleWriter(int protocol, bool legacy)
{
    private const int Batch = 1000;
    private readonly MemoryStream bytes = new();
    private readonly Dictionary<object, int> memo = [];
    private int remembered;

    /// <summary>Pickles null, bool, integers, double, string, byte[], object[] (a tuple), List of object, and the types above.</summary>
    /// <param name="value">What to pickle.</param>
    /// <param name="protocol">2 to 5.</param>
    /// <param name="legacy">Whether references have the last field that they had before PyTorch 1.6.</param>
    public static byte[] Write(object? value, int protocol = 2, bool legacy = false)
    {
        var writer = new PickleWriter(protocol, legacy);
        writer.Put(0x80, (byte)protocol);
        writer.Value(value);
        writer.Put((byte)'.');
        return writer.bytes.ToArray();
    }

    private void Value(object? value)
    {
        switch (value)
        {
            case null:
                Put((byte)'N');
                break;
            case bool truth:
                Put((byte)(truth ? 0x88 : 0x89));
                break;
            case int or long:
                Integer(Convert.ToInt64(value));
                break;
            case double number:
                Put((byte)'G');
                Span<byte> big = stackalloc byte[8];
                BinaryPrimitives.WriteDoubleBigEndian(big, number);
                bytes.Write(big);
                break;
            case byte[] blob:
                Put((byte)'B');
                Count(blob.Length);
                bytes.Write(blob);
                break;
            case string text:
                if (Recalled(text)) break;
                Text(text);
                Remember(text);
                break;
            case PickledName name:
                if (Recalled(name)) break;
                Name(name);
                Remember(name);
                break;
            case PickledCode code:
                bytes.Write(code.Code);
                break;
            case PickledCall call:
                Value(call.Function);
                Value(call.Arguments);
                Put((byte)'R');
                Remember(null);
                break;
            case PickledReference reference:
                Value(legacy ? [.. reference.Id, null] : reference.Id);
                Put((byte)'Q');
                break;
            case object?[] tuple:
                Tuple(tuple);
                break;
            case List<object?> list:
                Put((byte)']');
                Remember(null);
                Put((byte)'(');
                foreach (var item in list) Value(item);
                Put((byte)'e');
                break;
            case PickledDictionary dictionary:
                Dictionary(dictionary);
                break;
            default:
                throw new ArgumentException($"no pickle of {value.GetType()}");
        }
    }

    private void Dictionary(PickledDictionary dictionary)
    {
        if (dictionary.Ordered) Value(new PickledCall(new PickledName("collections", "OrderedDict")));
        else Put((byte)'}');
        if (!dictionary.Ordered) Remember(null);
        foreach (var batch in dictionary.Entries.Chunk(Batch))
        {
            Put((byte)'(');
            foreach (var (key, value) in batch)
            {
                Value(key);
                Value(value);
            }

            Put((byte)'u');
        }

        if (dictionary.State is null) return;
        Value(dictionary.State);
        Put((byte)'b');
    }

    private void Tuple(object?[] items)
    {
        if (items.Length is 0 or > 3)
        {
            Put((byte)(items.Length == 0 ? ')' : '('));
            foreach (var item in items) Value(item);
            if (items.Length > 0) Put((byte)'t');
        }
        else
        {
            foreach (var item in items) Value(item);
            Put((byte)(0x84 + items.Length));
        }

        if (items.Length > 0) Remember(null);
    }

    private void Integer(long value)
    {
        if (value is >= 0 and <= byte.MaxValue)
        {
            Put((byte)'K', (byte)value);
        }
        else if (value is >= 0 and <= ushort.MaxValue)
        {
            Put((byte)'M', (byte)value, (byte)(value >> 8));
        }
        else if (value is >= int.MinValue and <= int.MaxValue)
        {
            Put((byte)'J');
            Count((int)value);
        }
        else
        {
            Put(0x8a, 8);
            bytes.Write(BitConverter.GetBytes(value));
        }
    }

    private void Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        if (protocol >= 4 && utf8.Length <= byte.MaxValue)
        {
            Put(0x8c, (byte)utf8.Length);
        }
        else
        {
            Put((byte)'X');
            Count(utf8.Length);
        }

        bytes.Write(utf8);
    }

    private void Name(PickledName name)
    {
        if (protocol < 4)
        {
            bytes.Write(Encoding.UTF8.GetBytes($"c{name.Module}\n{name.Name}\n"));
            return;
        }

        Value(name.Module);
        Value(name.Name);
        Put(0x93);
    }

    private bool Recalled(object key)
    {
        if (!memo.TryGetValue(key, out var index)) return false;
        Put((byte)'j');
        Count(index);
        return true;
    }

    private void Remember(object? key)
    {
        if (key is not null) memo[key] = remembered;
        if (protocol >= 4)
        {
            Put(0x94);
        }
        else if (remembered <= byte.MaxValue)
        {
            Put((byte)'q', (byte)remembered);
        }
        else
        {
            Put((byte)'r');
            Count(remembered);
        }

        remembered++;
    }

    private void Count(int value) => bytes.Write(BitConverter.GetBytes(value));

    private void Put(params ReadOnlySpan<byte> code) => bytes.Write(code);
}
