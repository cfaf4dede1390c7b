using System.Buffers.Binary;
using System.Text;

namespace AuralSam2.Bench.Peer;

/// <summary>
/// Writes a shared library (ELF64, x86-64, Linux) of a few tiny functions, for LD_PRELOAD. It saves the user a C compiler: the two
/// functions that libtorch needs from us are one and two instructions long.
/// </summary>
internal static class StubLibrary
{
    /// <summary>Machine code of <c>void f(void) {}</c>.</summary>
    public static ReadOnlySpan<byte> Return => [0xC3]; // ret

    /// <summary>Machine code of <c>int f(void) { return 1; }</c>.</summary>
    public static ReadOnlySpan<byte> ReturnOne => [0xB8, 1, 0, 0, 0, 0xC3]; // mov eax, 1; ret

    private const int Page = 0x1000;
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int ProgramHeaders = 4;
    private const int SymbolSize = 24;
    private const int DynamicEntries = 6;

    /// <summary>Writes a library that exports <paramref name="function"/> with the given code.</summary>
    public static void Write(string path, string function, ReadOnlySpan<byte> code)
    {
        // First page, read and execute: headers, symbol hash table, symbols, their names, the code. Second page, writable because
        // the loader relocates it in place: the dynamic section.
        var names = Encoding.ASCII.GetBytes($"\0{function}\0");
        const int hash = HeaderSize + (ProgramHeaders * ProgramHeaderSize);
        const int symbols = hash + 24; // five words, and padding to 8 bytes
        const int strings = symbols + (2 * SymbolSize);
        var text = (strings + names.Length + 15) / 16 * 16;
        var image = new byte[Page + (DynamicEntries * 16)];
        var at = 0;

        Bytes([0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // 64 bits, little-endian, version 1, System V
        Half(3); // ET_DYN
        Half(62); // EM_X86_64
        Word(1);
        Long(0); // no entry point
        Long(HeaderSize); // program headers follow
        Long(0); // no section headers: the loader reads none
        Word(0);
        Half(HeaderSize);
        Half(ProgramHeaderSize);
        Half(ProgramHeaders);
        Half(0);
        Half(0);
        Half(0);

        const int readWrite = 6, readExecute = 5;
        Segment(type: 1, readExecute, 0, text + code.Length, Page); // PT_LOAD
        Segment(type: 1, readWrite, Page, DynamicEntries * 16, Page); // PT_LOAD
        Segment(type: 2, readWrite, Page, DynamicEntries * 16, 8); // PT_DYNAMIC
        Segment(type: 0x6474E551, readWrite, 0, 0, 16); // PT_GNU_STACK: no executable stack

        Word(1); // one bucket
        Word(2); // two symbols
        Word(1); // the bucket starts with symbol 1
        Word(0); // end of the chain of symbol 0
        Word(0); // end of the chain of symbol 1

        at = symbols + SymbolSize; // symbol 0 is all zero
        Word(1); // name, after the empty one
        Bytes([0x12, 0]); // global function, default visibility
        Half(1); // defined
        Long(text);
        Long(code.Length);
        Bytes(names);
        at = text;
        Bytes(code);

        at = Page;
        Dynamic(4, hash); // DT_HASH
        Dynamic(5, strings); // DT_STRTAB
        Dynamic(6, symbols); // DT_SYMTAB
        Dynamic(10, names.Length); // DT_STRSZ
        Dynamic(11, SymbolSize); // DT_SYMENT
        Dynamic(0, 0); // DT_NULL
        if (File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(image)) return; // a peer that runs may have it mapped
        File.WriteAllBytes(path, image);

        void Bytes(ReadOnlySpan<byte> value)
        {
            value.CopyTo(image.AsSpan(at));
            at += value.Length;
        }

        void Half(short value)
        {
            BinaryPrimitives.WriteInt16LittleEndian(image.AsSpan(at), value);
            at += sizeof(short);
        }

        void Word(int value)
        {
            BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(at), value);
            at += sizeof(int);
        }

        void Long(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(at), value);
            at += sizeof(long);
        }

        void Segment(int type, int access, int offset, int size, int alignment)
        {
            Word(type);
            Word(access);
            Long(offset); // in the file
            Long(offset); // virtual address
            Long(offset); // physical address
            Long(size); // in the file
            Long(size); // in memory
            Long(alignment);
        }

        void Dynamic(int tag, int value)
        {
            Long(tag);
            Long(value);
        }
    }
}
