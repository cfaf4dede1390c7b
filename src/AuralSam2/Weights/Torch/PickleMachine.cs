using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace AuralSam2.Weights.Torch;

/// <summary>
/// Reads a pickle as data. Python's pickle is a program that may import and call anything; this machine imports and calls nothing. A name
/// that the pickle asks for must be one of <see cref="TorchGlobal"/>, whose meaning is built in; any other ends the reading.
/// </summary>
/// <remarks>
/// Instructions go forward only, so the work is bounded by the length of the pickle. Lengths are checked against the bytes that remain
/// before anything is allocated, and all that is built counts towards <see cref="MostMemory"/>.
/// </remarks>
internal ref partial struct PickleMachine
{
    /// <summary>Bytes; the pickle of the largest published checkpoint has 0.12 MB.</summary>
    public const int LongestPickle = 32 << 20;

    /// <summary>Bytes that values may take, roughly; a training checkpoint of three thousand tensors takes 5 MB.</summary>
    private const int MostMemory = 32 << 20;

    private const int DeepestStack = 1 << 18;
    private const int MostMarks = 1 << 12;

    /// <summary>Bytes of a name that is asked for, and of an integer; no genuine one comes near.</summary>
    private const int LongestName = 1 << 10;

    private static readonly object True = true;
    private static readonly object False = false;

    private readonly string file;
    private readonly ReadOnlySpan<byte> code;
    private readonly List<object?> stack = [];
    private readonly List<int> marks = [];
    private readonly Dictionary<uint, object?> memo = [];
    private int position;
    private int instruction;
    private int memory;

    /// <summary>A machine for one pickle.</summary>
    /// <param name="file">Name for messages.</param>
    /// <param name="pickle">The pickle, and perhaps more behind it.</param>
    public PickleMachine(string file, ReadOnlySpan<byte> pickle)
    {
        this.file = file;
        code = pickle[..Math.Min(pickle.Length, LongestPickle)];
    }

    /// <summary>Bytes that were read: after <see cref="Run"/>, the length of the pickle.</summary>
    public readonly int Position => position;

    /// <summary>Every storage that was named, by its key.</summary>
    public Dictionary<string, TorchStorage> Storages { get; } = [];

    /// <summary>Reads the pickle up to its end.</summary>
    /// <returns>The value that it describes; see PickleValues.cs.</returns>
    /// <exception cref="WeightsException">It asks for a name that is not known, is broken, or too large.</exception>
    public object? Run()
    {
        if (code.Length < 2 || code[0] != (byte)PickleOpcode.Proto || code[1] is < 2 or > 5)
            throw Broken("its pickle is not of protocol 2 to 5");
        while (true)
        {
            instruction = position;
            var opcode = (PickleOpcode)Byte();
            if (opcode == PickleOpcode.Stop) break;
            Step(opcode);
        }

        var result = Pop();
        return stack.Count == 0 && marks.Count == 0 ? result : throw Broken("its pickle ends with values left over");
    }

    private void Step(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Proto:
                if (Byte() is var version and (< 2 or > 5)) throw Broken($"it is of pickle protocol {version}, expected 2 to 5");
                break;
            case PickleOpcode.Frame:
                Length(Integer64());
                break;
            case PickleOpcode.Mark:
                if (marks.Count == MostMarks) throw Broken($"values are nested more than {MostMarks} deep");
                marks.Add(stack.Count);
                break;
            case PickleOpcode.Pop:
                Pop();
                break;
            case PickleOpcode.PopMark:
                Drop(AboveMark());
                break;
            case PickleOpcode.Dup:
                Push(Top());
                break;
            case PickleOpcode.BinPut:
                Remember(Byte());
                break;
            case PickleOpcode.LongBinPut:
                Remember(Integer32());
                break;
            case PickleOpcode.Memoize:
                Remember((uint)memo.Count);
                break;
            case PickleOpcode.BinGet:
                Push(Recall(Byte()));
                break;
            case PickleOpcode.LongBinGet:
                Push(Recall(Integer32()));
                break;
            case PickleOpcode.Append or PickleOpcode.Appends:
                Append(opcode == PickleOpcode.Append ? stack.Count - 1 : AboveMark());
                break;
            case PickleOpcode.SetItem or PickleOpcode.SetItems:
                SetItems(opcode == PickleOpcode.SetItem ? stack.Count - 2 : AboveMark());
                break;
            case PickleOpcode.Reduce or PickleOpcode.NewObj:
                Reduce();
                break;
            case PickleOpcode.Build:
                Build();
                break;
            default:
                Push(Value(opcode));
                break;
        }
    }

    /// <summary>Instructions that put one value on the stack.</summary>
    private object? Value(PickleOpcode opcode) => opcode switch
    {
        PickleOpcode.None => null,
        PickleOpcode.NewTrue => True,
        PickleOpcode.NewFalse => False,
        PickleOpcode.BinInt => Number((int)Integer32()),
        PickleOpcode.BinInt1 => Number(Byte()),
        PickleOpcode.BinInt2 => Number(BinaryPrimitives.ReadUInt16LittleEndian(Bytes(sizeof(ushort)))),
        PickleOpcode.Long1 => LongNumber(Byte()),
        PickleOpcode.Long4 => LongNumber(Integer32()),
        PickleOpcode.BinFloat => Number(BinaryPrimitives.ReadDoubleBigEndian(Bytes(sizeof(double)))),
        PickleOpcode.BinString => Ascii(Integer32()),
        PickleOpcode.ShortBinString => Ascii(Byte()),
        PickleOpcode.BinUnicode => Text(Integer32()),
        PickleOpcode.ShortBinUnicode => Text(Byte()),
        PickleOpcode.BinUnicode8 => Text(Integer64()),
        PickleOpcode.BinBytes => Blob(Integer32()),
        PickleOpcode.ShortBinBytes => Blob(Byte()),
        PickleOpcode.BinBytes8 or PickleOpcode.ByteArray8 => Blob(Integer64()),
        PickleOpcode.EmptyTuple => PickleTuple.Empty,
        PickleOpcode.Tuple1 => Tuple(stack.Count - 1),
        PickleOpcode.Tuple2 => Tuple(stack.Count - 2),
        PickleOpcode.Tuple3 => Tuple(stack.Count - 3),
        PickleOpcode.Tuple => Tuple(AboveMark()),
        PickleOpcode.EmptyList => Charged(56, new PickleList()),
        PickleOpcode.EmptyDict => Charged(56, new PickleDictionary()),
        PickleOpcode.Global => Global(Line(), Line()),
        PickleOpcode.StackGlobal => StackGlobal(),
        PickleOpcode.BinPersId => PersistentId(),
        _ => throw Broken($"its pickle has the instruction 0x{(byte)opcode:x2}, which no checkpoint uses"),
    };

    private object Number(long value) => Charged(24, value);

    private object Number(double value) => Charged(24, value);

    private object LongNumber(uint count)
    {
        var bytes = Bytes(Length(count));
        if (count > LongestName) throw Broken($"an integer has {count} bytes");
        var value = new BigInteger(bytes);
        if (value >= long.MinValue && value <= long.MaxValue) return Number((long)value);
        return Charged(32 + bytes.Length, value);
    }

    /// <summary>Python 2's strings: bytes that are ASCII wherever they name something.</summary>
    private string Ascii(uint count)
    {
        var bytes = Bytes(Length(count));
        Charge(32 + (2 * bytes.Length));
        return Encoding.Latin1.GetString(bytes);
    }

    private string Text(ulong count)
    {
        var bytes = Bytes(Length(count));
        if (!Utf8.IsValid(bytes)) throw Broken("a string is not valid UTF-8");
        Charge(32 + (2 * bytes.Length));
        return Encoding.UTF8.GetString(bytes);
    }

    private PickleInert Blob(ulong count)
    {
        Bytes(Length(count));
        return Charged(24, new PickleInert("bytes"));
    }

    private PickleTuple Tuple(int from)
    {
        CheckAbove(from);
        Charge(64 + (8 * (stack.Count - from)));
        var tuple = new PickleTuple(CollectionsMarshal.AsSpan(stack)[from..].ToArray());
        Drop(from);
        return tuple;
    }

    private void Append(int from)
    {
        CheckAbove(from);
        if (from == Floor() || stack[from - 1] is not PickleList list) throw Broken("something is appended to what is no list");
        Charge(24 * (stack.Count - from));
        list.Items.AddRange(CollectionsMarshal.AsSpan(stack)[from..]);
        Drop(from);
    }

    private void SetItems(int from)
    {
        CheckAbove(from);
        if (from == Floor() || stack[from - 1] is not PickleDictionary dictionary) throw Broken("an item is set in what is no dictionary");
        if ((stack.Count - from) % 2 != 0) throw Broken("a key is set without a value");
        Charge(24 * (stack.Count - from));
        for (var i = from; i < stack.Count; i += 2) dictionary.Entries.Add(new(stack[i], stack[i + 1]));
        Drop(from);
    }

    private void Remember(uint index)
    {
        var value = Top();
        if (!memo.ContainsKey(index)) Charge(56);
        memo[index] = value;
    }

    private object? Recall(uint index) =>
        memo.TryGetValue(index, out var value) ? value : throw Broken($"it recalls value {index}, which was never remembered");

    private void Push(object? value)
    {
        if (stack.Count == DeepestStack) throw Broken($"more than {DeepestStack} values wait for use");
        stack.Add(value);
    }

    private object? Pop()
    {
        var value = Top();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    private readonly object? Top()
    {
        CheckAbove(stack.Count - 1);
        return stack[^1];
    }

    /// <summary>Takes the last mark away and tells where on the stack it stood.</summary>
    private readonly int AboveMark()
    {
        if (marks.Count == 0) throw Broken("it goes back to a mark that was never set");
        var from = marks[^1];
        marks.RemoveAt(marks.Count - 1);
        return from;
    }

    /// <summary>Values below this belong to another mark.</summary>
    private readonly int Floor() => marks.Count == 0 ? 0 : marks[^1];

    private readonly void CheckAbove(int from)
    {
        if (from < Floor()) throw Broken("it takes a value that is not there");
    }

    private readonly void Drop(int from) => stack.RemoveRange(from, stack.Count - from);

    private byte Byte() => Bytes(1)[0];

    private uint Integer32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(sizeof(uint)));

    private ulong Integer64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(sizeof(ulong)));

    private ReadOnlySpan<byte> Bytes(int count)
    {
        var bytes = code.Slice(position, Length((ulong)count));
        position += count;
        return bytes;
    }

    /// <summary>A length that the pickle claims, once it is known that so many bytes are there.</summary>
    private readonly int Length(ulong claimed)
    {
        var remain = code.Length - position;
        if (claimed <= (ulong)remain) return (int)claimed;
        throw code.Length == LongestPickle
            ? Broken($"its pickle goes on beyond {LongestPickle} bytes")
            : Broken($"its pickle wants {claimed} bytes where {remain} remain");
    }

    /// <summary>Text up to the end of the line.</summary>
    private string Line()
    {
        var rest = code[position..];
        var end = rest[..Math.Min(rest.Length, LongestName)].IndexOf((byte)'\n');
        if (end < 0) throw Broken("a name has no end");
        position += end + 1;
        return Encoding.UTF8.GetString(rest[..end]);
    }

    private T Charged<T>(int bytes, T value)
    {
        Charge(bytes);
        return value;
    }

    private void Charge(int bytes)
    {
        memory += bytes;
        if (memory > MostMemory) throw Broken($"what its pickle describes takes more than {MostMemory >> 20} MB");
    }

    private readonly WeightsException Broken(string what) => new($"{file}: {what} (byte {instruction} of the pickle); " +
        "the file is damaged or not a PyTorch checkpoint, download or export it again");
}
