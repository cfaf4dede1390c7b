using System.Globalization;
using AuralSam2.Media;
using CsvHelper;
using CsvHelper.Configuration;

namespace AuralSam2.Data;

/// <summary>A row of a dataset's table.</summary>
/// <param name="Line">Line of the file on which it ends, from 1.</param>
/// <param name="Values">By column.</param>
internal sealed record MetadataRow(int Line, IReadOnlyDictionary<string, string> Values)
{
    public string this[string column] => Values[column];
}

/// <summary>
/// A comma-separated table with a header (RFC 4180: quoted fields may hold commas, doubled quotes and line breaks), UTF-8 with or without
/// byte order mark, lines ending in LF or CRLF. Space around values is dropped; columns that nobody asked for are left aside.
/// </summary>
internal sealed class MetadataTable
{
    private MetadataTable(string path, IReadOnlyList<MetadataRow> rows, IReadOnlyList<(int Line, string Problem)> badRows)
    {
        Path = path;
        Rows = rows;
        BadRows = badRows;
    }

    public string Path { get; }

    public IReadOnlyList<MetadataRow> Rows { get; }

    /// <summary>Rows that do not fit the header or are badly quoted.</summary>
    public IReadOnlyList<(int Line, string Problem)> BadRows { get; }

    /// <summary>Reads a table.</summary>
    /// <exception cref="DatasetException">There is no such file, it is empty, or a column is missing.</exception>
    public static MetadataTable Read(string path, IReadOnlyList<string> columns)
    {
        using var text = new StreamReader(new MemoryStream(ReadFile(path)));
        var badQuotes = false;
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = ",",
            TrimOptions = TrimOptions.Trim,
            BadDataFound = _ => badQuotes = true,
        };
        using var parser = new CsvParser(text, configuration);
        if (!parser.Read()) throw new DatasetException($"{path}: is empty; fetch the dataset's table again");
        var header = parser.Record!;
        var missing = columns.Except(header).ToArray();
        if (missing.Length > 0)
        {
            var (wanted, has) = (string.Join(", ", missing), string.Join(", ", header));
            throw new DatasetException($"{path}: has no column {wanted} (it has {has}); pass the owner's table as it came");
        }

        var places = columns.ToDictionary(c => c, c => Array.IndexOf(header, c));
        var rows = new List<MetadataRow>();
        var bad = new List<(int, string)>();
        while (parser.Read())
        {
            var fields = parser.Record!;
            if (badQuotes) bad.Add((parser.RawRow, "a quote is out of place"));
            else if (fields.Length != header.Length) bad.Add((parser.RawRow, $"{fields.Length} fields, but the header has {header.Length}"));
            else rows.Add(new MetadataRow(parser.RawRow, places.ToDictionary(p => p.Key, p => fields[p.Value])));
            badQuotes = false;
        }

        return new MetadataTable(path, rows, bad);
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return MediaFile.ReadAll(path);
        }
        catch (MediaException e)
        {
            throw new DatasetException(e.Message, e);
        }
    }
}
