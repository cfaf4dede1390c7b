# Fetches weights of weights/manifest.json, resumes what was interrupted, and checks what it got by loading it.
#   tools/fetch-weights.ps1 -List
#   tools/fetch-weights.ps1 sam2_hiera_large.pt vggish-10086976.pth
# Needs PowerShell 7. The variables AURAL, WEIGHTS and MANIFEST are those of tools/fetch-weights.sh. This script is tested where pwsh is on
# PATH; it was written where there was none.
param([switch] $List, [Parameter(ValueFromRemainingArguments)] [string[]] $Names)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue' # the progress bar makes Invoke-WebRequest many times slower
$root = Split-Path -Parent $PSScriptRoot
$folder = $env:WEIGHTS ? $env:WEIGHTS : (Join-Path $root 'weights')
$manifest = $env:MANIFEST ? $env:MANIFEST : (Join-Path $root 'weights' 'manifest.json')
$files = (Get-Content $manifest -Raw | ConvertFrom-Json).files

function Stop-Here([string] $message) {
    [Console]::Error.WriteLine("fetch-weights: $message")
    exit 1
}

# What aural says of a file; nothing where it refuses it. The tokenizer's files are text and no weights.
function Get-Report([string] $path, [string] $name) {
    if ($name -match '\.(json|txt)$') {
        if ([IO.File]::ReadAllText($path).TrimStart().StartsWith('<')) { return }
        return "${path}: text"
    }
    $command, $rest = $env:AURAL ? (-split $env:AURAL) : @('dotnet', 'run', '-c', 'Release', '--project', (Join-Path $root 'src' 'AuralSam2.Cli'), '--')
    $report = & $command @rest inspect $path
    if ($LASTEXITCODE -eq 0) { return $report }
}

if ($List) {
    foreach ($file in $files) {
        $way = if (Test-Path (Join-Path $folder $file.name)) { 'here' } elseif ($file.url) { 'fetched' } else { 'by hand' }
        '{0,-28} {1,-8} {2}' -f $file.name, $way, $file.what
    }
    exit 0
}
if (-not $Names) { Stop-Here 'which? Give names, or --list (here: -List)' }

New-Item -ItemType Directory -Force $folder | Out-Null
foreach ($name in $Names) {
    $entry = $files | Where-Object name -EQ $name
    if (-not $entry) { Stop-Here "$name is not in $manifest; -List shows what is" }
    $path = Join-Path $folder $name
    if (Test-Path $path) {
        "$name is here"
    } else {
        if (-not $entry.url) { Stop-Here "$name has no address here: $($entry.how), and put it into $folder" }
        try {
            # Goes on where it stopped; takes the whole file from a server that cannot resume, and nothing where nothing is left.
            Invoke-WebRequest -Uri $entry.url -OutFile "$path.part" -Resume -MaximumRetryCount 3
        } catch {
            Stop-Here "${name}: download failed ($($_.Exception.Message)); run this again to go on where it stopped"
        }
        $report = Get-Report "$path.part" $name
        if (-not $report) { Stop-Here "${name}: what came from $($entry.url) is no checkpoint; it is left as $path.part" }
        if ($report -match '^CUT SHORT') { Stop-Here "${name}: what came is cut short; run this again to go on" }
        Move-Item "$path.part" $path
    }
    foreach ($line in (Get-Report $path $name)) {
        if ($line -eq '') { break }
        $line
    }
    $sum = (Get-FileHash $path -Algorithm SHA256).Hash.ToLowerInvariant()
    $record = "$path.sha256"
    if ((Test-Path $record) -and ((Get-Content $record -Raw).Split(' ')[0] -ne $sum)) {
        Stop-Here "$name is not the file that was fetched before (its digest is $sum, $record has another); delete one of the two"
    }
    "$sum  $name`n" | Set-Content $record -NoNewline
    "sha256      $sum (recorded in $name.sha256)"
}
