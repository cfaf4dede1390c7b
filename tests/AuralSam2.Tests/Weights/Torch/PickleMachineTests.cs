using System.Globalization;
using System.Numerics;
using System.Text;
using AuralSam2.Weights;
using AuralSam2.Weights.Torch;
using Xunit;

namespace AuralSam2.Tests.Weights.Torch;

/// <summary>The pickle machine, one instruction at a time: what each means, and every way to break it.</summary>
public class PickleMachineTests
{
    private const string Rebuild = "ctorch._utils\n_rebuild_tensor_v2\n";
    private const string FloatStorage = "(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\0kX\u0003\0\0\0cpuK\u0008tQ";

    /// <summary>Instruction, code without the first PROTO and the last STOP, value. Characters are bytes.</summary>
    public static TheoryData<string, string, string> Meanings { get; } = new()
    {
        { "NONE", "N", "None" },
        { "NEWTRUE", "\u0088", "True" },
        { "NEWFALSE", "\u0089", "False" },
        { "BININT", "J\u00ff\u00ff\u00ff\u00ff", "-1" },
        { "BININT1", "K\u00ff", "255" },
        { "BININT2", "M\u0001\u0002", "513" },
        { "LONG1 of nothing", "\u008a\0", "0" },
        { "LONG1", "\u008a\u0001\u00fe", "-2" },
        { "LONG1 of nine bytes", "\u008a\u0009\0\0\0\0\0\0\0\0\u0001", "18446744073709551616" },
        { "LONG4", "\u008b\u0002\0\0\0\0\u0001", "256" },
        { "BINFLOAT", "G\u003f\u00f8\0\0\0\0\0\0", "1.5" },
        { "BINSTRING", "T\u0002\0\0\0ab", "'ab'" },
        { "SHORT_BINSTRING", "U\u0001\u00e9", "'é'" },
        { "BINUNICODE", "X\u0003\0\0\0a\u00c3\u00a9", "'aé'" },
        { "SHORT_BINUNICODE", "\u008c\u0001a", "'a'" },
        { "BINUNICODE8", "\u008d\u0001\0\0\0\0\0\0\0a", "'a'" },
        { "BINBYTES", "B\u0002\0\0\0ab", "<bytes>" },
        { "SHORT_BINBYTES", "C\u0002ab", "<bytes>" },
        { "BINBYTES8", "\u008e\u0001\0\0\0\0\0\0\0a", "<bytes>" },
        { "BYTEARRAY8", "\u0096\u0001\0\0\0\0\0\0\0a", "<bytes>" },
        { "EMPTY_TUPLE", ")", "()" },
        { "TUPLE1", "K\u0001\u0085", "(1)" },
        { "TUPLE2", "K\u0001K\u0002\u0086", "(1, 2)" },
        { "TUPLE3", "K\u0001K\u0002K\u0003\u0087", "(1, 2, 3)" },
        { "TUPLE", "(K\u0001K\u0002K\u0003K\u0004t", "(1, 2, 3, 4)" },
        { "EMPTY_LIST", "]", "[]" },
        { "APPEND", "]K\u0001aK\u0002a", "[1, 2]" },
        { "APPENDS", "](K\u0001K\u0002e(e", "[1, 2]" },
        { "EMPTY_DICT", "}", "{}" },
        { "SETITEM", "}K\u0001K\u0002s", "{1: 2}" },
        { "SETITEMS", "}(K\u0001K\u0002U\u0001aNu", "{1: 2, 'a': None}" },
        { "POP", "K\u0001K\u00020", "1" },
        { "POP_MARK", "K\u0001(K\u0002K\u00031", "1" },
        { "DUP", "K\u00012\u0086", "(1, 1)" },
        { "BINPUT and BINGET", "K\u0001q\u0005h\u0005\u0086", "(1, 1)" },
        { "LONG_BINPUT and LONG_BINGET", "K\u0001r\u0005\0\0\u00f0j\u0005\0\0\u00f0\u0086", "(1, 1)" },
        { "MEMOIZE", "K\u0001\u0094K\u0002\u0094h\0h\u0001\u0086\u0087", "(1, 2, (1, 2))" },
        { "PROTO", "\u0080\u0005K\u0001", "1" },
        { "FRAME", "\u0095\u0003\0\0\0\0\0\0\0K\u0001", "1" },
        { "GLOBAL", "ctorch\nHalfStorage\n", "torch.HalfStorage" },
        { "STACK_GLOBAL", "U\u0005torchU\u0009BoolTable0U\u000bBoolStorage\u0093", "torch.BoolStorage" },
        { "ordered dictionary", "ccollections\nOrderedDict\n)R", "{}" },
        { "ordered dictionary of Python 2", "ccollections\nOrderedDict\n]]U\u0001aaK\u0001aaU\u0001bK\u0002\u0086a\u0085R", "{'a': 1, 'b': 2}" },
        { "BUILD", "ccollections\nOrderedDict\n)R}U\u0009_metadataNsb", "{}" },
        { "NEWOBJ", "cargparse\nNamespace\n)\u0081}U\u0002lrK\u0001sb", "<argparse.Namespace>" },
        { "size", "ctorch\nSize\nK\u0001K\u0002\u0086\u0085R", "(1, 2)" },
        { "numpy scalar", "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\u0002f8\u0085RC\u0000\u0086R", "<numpy.core.multiarray.scalar>" },
        { "BINPERSID", FloatStorage, "storage k of 8 F32" },
        { "tensor", Rebuild + "(" + FloatStorage + "K\u0001K\u0002\u0085K\u0003\u0085\u0089NtR", "tensor k+1 (2) (3)" },
        { "tensor with metadata", Rebuild + "(" + FloatStorage + "K\u0001))\u0089NNtR", "tensor k+1 () ()" },
        { "tensor of 0.3", "ctorch._utils\n_rebuild_tensor\n(" + FloatStorage + "K\u0001))tR", "tensor k+1 () ()" },
        {
            "parameter", "ctorch._utils\n_rebuild_parameter\n" + Rebuild + "(" + FloatStorage + "K\u0001))\u0089NtR\u0088N\u0087R",
            "tensor k+1 () ()"
        },
        {
            "parameter with state",
            "ctorch._utils\n_rebuild_parameter_with_state\n(" + Rebuild + "(" + FloatStorage + "K\u0001))\u0089NtR\u0088N}tR",
            "tensor k+1 () ()"
        },
        {
            "tensor with attributes",
            "ctorch._tensor\n_rebuild_from_type_v2\n(" + Rebuild + "ctorch\nTensor\n(" + FloatStorage + "K\u0001))\u0089Nt}tR",
            "tensor k+1 () ()"
        },
    };

    /// <summary>Fault, code, what the message must say.</summary>
    public static TheoryData<string, string, string> Faults { get; } = new()
    {
        { "empty", "", "wants 1 bytes where 0 remain (byte 2 of the pickle)" },
        { "nothing to return", ".", "takes a value that is not there" },
        { "two values", "K\u0001K\u0002.", "ends with values left over" },
        { "mark left over", "(K\u0001.", "ends with values left over" },
        { "no STOP", "K\u0001", "wants 1 bytes where 0 remain" },
        { "protocol 6", "\u0080\u0006K\u0001.", "pickle protocol 6" },
        { "protocol 1 instruction", "I1\n.", "the instruction 0x49" },
        { "INST", "(iposix\nsystem\n.", "the instruction 0x69" },
        { "OBJ", "(o.", "the instruction 0x6f" },
        { "PERSID", "Pa\n.", "the instruction 0x50" },
        { "EXT1", "\u0082\u0001.", "the instruction 0x82" },
        { "NEWOBJ_EX", ")}\u0092.", "the instruction 0x92" },
        { "EMPTY_SET", "\u008f.", "the instruction 0x8f" },
        { "NEXT_BUFFER", "\u0097.", "the instruction 0x97" },
        { "short BININT", "J\0\0", "wants 4 bytes where 2 remain" },
        { "short string", "X\u0005\0\0\0abc", "wants 5 bytes where 3 remain" },
        { "string of 4 GB", "X\u00ff\u00ff\u00ff\u00ffabc", "wants 4294967295 bytes where 3 remain" },
        { "string of 2^63", "\u008d\0\0\0\0\0\0\0\u0080", "wants 9223372036854775808 bytes where 0 remain" },
        { "bytes of 2^64 - 1", "\u008e\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff", "wants 18446744073709551615 bytes" },
        { "frame beyond the end", "\u0095\u0010\0\0\0\0\0\0\0K\u0001.", "wants 16 bytes where 3 remain" },
        { "integer of 4 GB", "\u008b\u00ff\u00ff\u00ff\u00ff.", "wants 4294967295 bytes where 1 remain" },
        { "not UTF-8", "X\u0002\0\0\0\u00c3\u0028.", "not valid UTF-8" },
        { "no mark", "K\u0001t.", "a mark that was never set" },
        { "below the mark", "K\u0001(0.", "takes a value that is not there" },
        { "pair across the mark", "K\u0001(K\u0002\u0086.", "takes a value that is not there" },
        { "append to nothing", "K\u0001a.", "appended to what is no list" },
        { "append to a tuple", ")K\u0001a.", "appended to what is no list" },
        { "append across the mark", "](K\u0001a.", "appended to what is no list" },
        { "set in a list", "]K\u0001K\u0002s.", "set in what is no dictionary" },
        { "key without value", "}(K\u0001u.", "a key is set without a value" },
        { "recall", "h\u0007.", "recalls value 7, which was never remembered" },
        { "remember nothing", "q\0.", "takes a value that is not there" },
        { "endless name", "c" + new string('a', 2000), "a name has no end" },
        { "name without second line", "ctorch\nSize", "a name has no end" },
        { "name that is no string", "K\u0001K\u0002\u0093.", "a name that it asks for is no string" },
        { "call of a string", "U\u0006system)R.", "calls a string with a tuple" },
        { "call without tuple", "ctorch\nSize\n]R.", "calls torch.Size with a list" },
        { "call of the result of a call", "ccollections\nOrderedDict\n)R)R.", "calls a dictionary with a tuple" },
        { "wrong arguments", "ctorch\nSize\nK\u0001\u0085R.", "torch.Size is given arguments that it does not take" },
        { "a storage type is called", "ctorch\nFloatStorage\nK\u0001\u0085R.", "torch.FloatStorage is given arguments" },
        { "pairs that are none", "ccollections\nOrderedDict\n]K\u0001a\u0085R.", "an ordered dictionary is made of a number, not of pairs" },
        { "state of a string", "U\u0001a}b.", "a dictionary becomes the state of a string" },
        { "state of a tensor", Rebuild + "(" + FloatStorage + "K\u0001))\u0089NtR}b.", "becomes the state of a tensor" },
        { "reference to a module", "(X\u0006\0\0\0modulectorch\nTensor\nU\u0001aU\u0001bK\u0001tQ.", "something outside that is no storage" },
        { "reference that is a string", "U\u0001aQ.", "something outside that is no storage" },
        { "storage of a type that is none", "(U\u0007storagectorch\nTensor\nU\u0001kU\u0003cpuK\u0001tQ.", "described in an unknown way" },
        { "storage key that is a number", "(U\u0007storagectorch\nFloatStorage\nK\u0001U\u0003cpuK\u0001tQ.", "described in an unknown way" },
        { "negative storage", FloatStorage.Replace("K\u0008", "J\u00ff\u00ff\u00ff\u00ff") + ".", "a storage has -1 elements" },
        {
            "storage beyond 2^63 bytes", "(U\u0007storagectorch\nFloatStorage\nU\u0001kU\u0003cpu\u008a\u0008\0\0\0\0\0\0\0\u0070tQ.",
            "a storage has 8070450532247928832 elements"
        },
        { "storage in two ways", FloatStorage + "0" + FloatStorage.Replace("K\u0008", "K\u0009") + ".", "'k' is described twice, in two ways" },
        { "part of a storage", FloatStorage.Replace("tQ", ")tQ") + ".", "a part of another" },
        { "tensor of a dictionary", Rebuild + "(}K\0))\u0089NtR.", "a tensor is described in an unknown way" },
        { "tensor of four", Rebuild + "(" + FloatStorage + "K\0))tR.", "_rebuild_tensor_v2 is given arguments" },
        { "strides missing", Rebuild + "(" + FloatStorage + "K\0K\u0001\u0085)\u0089NtR.", "1 dimensions and 0 strides" },
        { "size of strings", Rebuild + "(" + FloatStorage + "K\0U\u0001a\u0085K\u0001\u0085\u0089NtR.", "a shape holds a string" },
        { "size of true", Rebuild + "(" + FloatStorage + "K\0\u0088\u0085K\u0001\u0085\u0089NtR.", "a shape holds a boolean" },
        {
            "65 dimensions", Rebuild + "(" + FloatStorage + "K\0(" + string.Concat(Enumerable.Repeat("K\u0001", 65)) + "t2\u0089NtR.",
            "65 dimensions"
        },
        { "parameter of a dictionary", "ctorch._utils\n_rebuild_parameter\n}\u0088N\u0087R.", "_rebuild_parameter is given arguments" },
        {
            "tensor with attributes within itself",
            "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n)}tR.",
            "_rebuild_from_type_v2 is given arguments"
        },
    };

    /// <summary>Names that run code, or that look like those of tensors.</summary>
    public static TheoryData<string, string> ForbiddenNames { get; } = new()
    {
        { "posix", "system" }, { "os", "system" }, { "builtins", "eval" }, { "__builtin__", "exec" }, { "builtins", "getattr" },
        { "subprocess", "Popen" }, { "operator", "attrgetter" }, { "collections", "defaultdict" }, { "torch.nn.modules.linear", "Linear" },
        { "torch", "load" }, { "torch.hub", "load" }, { "torch._utils", "_rebuild_qtensor" }, { "torch", "ComplexFloatStorage" },
        { "torch", "_utils._rebuild_tensor_v2" }, { "torch", "Floatstorage" }, { "Torch", "FloatStorage" }, { "torch ", "FloatStorage" },
        { "torch", "" }, { "", "" }, { "a\rb", "\u001b[2J" },
    };

    [Theory]
    [MemberData(nameof(Meanings))]
    public void An_instruction_means(string instruction, string code, string value)
    {
        var bytes = Code(code + ".");
        var machine = new PickleMachine("f.pt", bytes);
        Assert.True(value == Text(machine.Run()), instruction);
        Assert.Equal(bytes.Length, machine.Position);
    }

    [Fact]
    public void The_pickle_ends_where_it_says()
    {
        var machine = new PickleMachine("f.pt", Code("K\u0001.more"));
        machine.Run();
        Assert.Equal(5, machine.Position);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_named_with_its_place(string fault, string code, string reason)
    {
        var error = Refused(Code(code));
        Assert.True(error.Contains(reason), $"{fault}: {error}");
        Assert.Matches(@"^f\.pt: .*\(byte \d+ of the pickle\); .*$", error);
    }

    [Theory]
    [MemberData(nameof(ForbiddenNames))]
    public void A_name_that_is_not_known_is_refused_by_name(string module, string name)
    {
        var asked = Refused(Code($"c{module}\n{name}\n0K\u0001."));
        var (m, n) = (Encoding.UTF8.GetBytes(module), Encoding.UTF8.GetBytes(name));
        var stacked = Refused([0x80, 4, 0x8c, (byte)m.Length, .. m, 0x8c, (byte)n.Length, .. n, 0x93, (byte)'0', (byte)'N', (byte)'.']);
        foreach (var error in (string[])[asked, stacked])
        {
            Assert.StartsWith($"f.pt: its pickle asks for {WeightsException.Quote($"{module}.{name}")} (byte ", error);
            Assert.Contains("nothing was loaded or run; Python would run it", error);
            Assert.DoesNotContain('\u001b', error);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\u0080")]
    [InlineData("\u0080\u0001K\u0001.")]
    [InlineData("K\u0001.")]
    [InlineData("\u0080\u0006.")]
    public void Only_protocols_2_to_5_are_read(string code) =>
        Assert.Contains("not of protocol 2 to 5", Refused(Encoding.Latin1.GetBytes(code)));

    [Fact]
    public void Marks_and_waiting_values_are_bounded()
    {
        Assert.Contains("nested more than 4096 deep", Refused(Code(new string('(', 5000))));
        Assert.Contains("more than 262144 values wait", Refused(Code(new string('N', 300_000))));
    }

    /// <summary>Small pickles that want much: a byte or three each, over and over.</summary>
    [Theory]
    [InlineData("]0")]
    [InlineData("}0")]
    [InlineData("U\u00010")]
    [InlineData("K\u00070")]
    [InlineData("N\u0085")]
    [InlineData("ccollections\nOrderedDict\n)R0")]
    public void What_a_pickle_describes_is_bounded(string step)
    {
        var code = Code("K\u0007" + string.Concat(Enumerable.Repeat(step, (8 << 20) / step.Length)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused(code);
        TestContext.Current.TestOutputHelper?.WriteLine($"{step} {(GC.GetAllocatedBytesForCurrentThread() - before) / 1e6} MB");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 80 << 20);
    }

    /// <summary>A list that is remembered once and unfolded again and again would cost its length for three bytes.</summary>
    [Fact]
    public void Unfolding_the_same_list_again_and_again_is_bounded()
    {
        var pairs = string.Concat(Enumerable.Repeat("NN\u0086", 20_000));
        var calls = string.Concat(Enumerable.Repeat("h\0h\u0001R0", 10_000));
        var code = Code("ccollections\nOrderedDict\nq\0](" + pairs + "e\u0085q\u0001" + calls);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("takes more than 32 MB", Refused(code));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 80 << 20);
    }

    [Fact]
    public void A_value_that_holds_itself_is_no_trouble()
    {
        var machine = new PickleMachine("f.pt", Code("]q\0h\0a."));
        var list = Assert.IsType<PickleList>(machine.Run());
        Assert.Same(list, list.Items[0]);
    }

    [Fact]
    public void Storages_are_collected_and_the_same_key_is_the_same_storage()
    {
        var machine = new PickleMachine("f.pt", Code(FloatStorage + FloatStorage + "\u0086."));
        var pair = Assert.IsType<PickleTuple>(machine.Run());
        Assert.Same(pair.Items[0], pair.Items[1]);
        Assert.Equal(32, Assert.Single(machine.Storages).Value.ByteLength);
    }

    private static string Refused(byte[] code) => Assert.Throws<WeightsException>(() => new PickleMachine("f.pt", code).Run()).Message;

    private static byte[] Code(string code) => [0x80, 2, .. Encoding.Latin1.GetBytes(code)];

    /// <summary>A value as Python would print it.</summary>
    private static string Text(object? value) => value switch
    {
        null => "None",
        string text => $"'{text}'",
        long or double or bool or BigInteger => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        PickleTuple tuple => $"({Join(tuple.Items)})",
        PickleList list => $"[{Join(list.Items)}]",
        PickleDictionary dictionary => "{" + string.Join(", ", dictionary.Entries.Select(e => $"{Text(e.Key)}: {Text(e.Value)}")) + "}",
        PickleInert inert => $"<{inert.Kind}>",
        TorchStorage storage => $"storage {storage.Key} of {storage.Elements} {storage.DType.Tag()}",
        TorchTensor tensor =>
            $"tensor {tensor.Storage.Key}+{tensor.Offset} ({string.Join(", ", tensor.Size)}) ({string.Join(", ", tensor.Stride)})",
        TorchGlobal global => global.Title,
        _ => throw new ArgumentException($"no text of {value.GetType()}"),
    };

    private static string Join(IEnumerable<object?> values) => string.Join(", ", values.Select(Text));
}
