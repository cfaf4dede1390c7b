# Fetches weights of weights/manifest.json, resumes what was interrupted, and checks what it got by loading it.
#   tools/fetch-weights.ps1 -List
#   tools/fetch-weights.ps1 sam2_hiera_large.pt vggish-10086976.pth
# Needs PowerShell 7. Not run where it was written: there was no PowerShell; tools/fetch-weights.sh is the one that was tried.
param([switch] $List, [Parameter(ValueFromRemainingArguments)] [string[]] $Names)

$ErrorActionPreference = 'Stop'
$root = Split-Path -Parent $PSScriptRoot
$folder = Join-Path $root 'weights'
$files = (Get-Content (Join-Path $folder 'manifest.json') -Raw | ConvertFrom-Json).files

if ($List) {
    $files | ForEach-Object {
        $way = if (Test-Path (Join-Path $folder $_.name)) { 'here' } elseif ($_.url) { 'fetched' } else { 'by hand' }
        [pscustomobject]@{ name = $_.name; way = $way; what = $_.what }
    }
    return
}
if (-not $Names) { throw 'which? Give names, or -List' }

function Test-Weights([string] $path) {
    $report = dotnet run -c Release --project (Join-Path $root 'src/AuralSam2.Cli') -- inspect $path
    if ($LASTEXITCODE -ne 0) { throw "${path}: is no checkpoint" }
    if ($report -match '^CUT SHORT') { throw "${path}: is cut short; run this again to go on" }
    $report | Select-Object -First 5
}

foreach ($name in $Names) {
    $entry = $files | Where-Object name -EQ $name
    if (-not $entry) { throw "$name is not in weights/manifest.json; -List shows what is" }
    $path = Join-Path $folder $name
    if (-not (Test-Path $path)) {
        if (-not $entry.url) { throw "$name has no address here: $($entry.how), and put it into $folder" }
        Invoke-WebRequest -Uri $entry.url -OutFile "$path.part" -Resume
        Test-Weights "$path.part" | Out-Null
        Move-Item "$path.part" $path
    }
    Test-Weights $path
    $sum = (Get-FileHash $path -Algorithm SHA256).Hash.ToLowerInvariant()
    $record = "$path.sha256"
    if ((Test-Path $record) -and ((Get-Content $record -Raw).Split(' ')[0] -ne $sum)) {
        throw "$name is not the file that was fetched before: its digest is $sum; delete it or $record"
    }
    "$sum  $name" | Set-Content $record
    "sha256      $sum (recorded in $name.sha256)"
}
