using System.Text;
using AuralSam2.Data;
using AuralSam2.Tests.Media;
using Xunit;

namespace AuralSam2.Tests.Data;

public sealed class MetadataTableTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("\n", false)]
    [InlineData("\r\n", false)]
    [InlineData("\r\n", true)]
    public void Quotes_commas_marks_and_line_ends_are_understood(string lineEnd, bool byteOrderMark)
    {
        string[] lines =
        [
            "exp,other,uid", "\"The dog, left\",1,a", "\"He said \"\"no\"\"\",2,b", "  spaced  ,3, c ",
            "\"two\nlines\",4,d", "ünïcode,5,e", "", ",6,f",
        ];
        var table = Read(string.Join(lineEnd, lines), byteOrderMark);
        Assert.Empty(table.BadRows);
        Assert.Equal(["a", "b", "c", "d", "e", "f"], table.Rows.Select(r => r["uid"]));
        Assert.Equal(["The dog, left", "He said \"no\"", "spaced", "two\nlines", "ünïcode", ""], table.Rows.Select(r => r["exp"]));
        Assert.Equal([2, 3, 4, 6, 7, 9], table.Rows.Select(r => r.Line));
    }

    [Fact]
    public void Bad_rows_are_set_aside_with_their_lines()
    {
        var table = Read("uid,exp\na,fine\nb\nc,one,two\nd,\"the \"dog\" barks\"\ne,fine");
        Assert.Equal(["a", "e"], table.Rows.Select(r => r["uid"]));
        Assert.Equal([3, 4, 5], table.BadRows.Select(r => r.Line));
        Assert.Equal("1 fields, but the header has 2", table.BadRows[0].Problem);
        Assert.Contains("quote", table.BadRows[2].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quote_that_never_ends_is_reported()
    {
        var table = Read("uid,exp\na,fine\nb,\"never ends\nc,fine\n");
        Assert.Equal(["a"], table.Rows.Select(r => r["uid"]));
        Assert.Single(table.BadRows);
    }

    [Fact]
    public void Missing_columns_and_empty_files_say_so()
    {
        Fails("uid,expression\na,b", "no column exp", "uid, expression");
        Fails("", "is empty");
        var message = Assert.Throws<DatasetException>(() => MetadataTable.Read(folder["none.csv"], ["uid"])).Message;
        Assert.Contains("no such file", message, StringComparison.Ordinal);
    }

    private void Fails(string text, params string[] words)
    {
        var message = Assert.Throws<DatasetException>(() => Read(text)).Message;
        foreach (var word in words.Append("table.csv")) Assert.Contains(word, message, StringComparison.Ordinal);
    }

    private MetadataTable Read(string text, bool byteOrderMark = false)
    {
        var encoding = new UTF8Encoding(byteOrderMark);
        return MetadataTable.Read(folder.Write("table.csv", [.. encoding.GetPreamble(), .. encoding.GetBytes(text)]), ["uid", "exp"]);
    }
}
