#!/bin/sh
# Fetches weights of weights/manifest.json, resumes what was interrupted, and checks what it got by loading it.
#   tools/fetch-weights.sh --list
#   tools/fetch-weights.sh sam2_hiera_large.pt vggish-10086976.pth
# Needs curl. AURAL is the command that checks (default: built from this repository), WEIGHTS the folder, MANIFEST the list.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=${WEIGHTS:-$root/weights}
manifest=${MANIFEST:-$root/weights/manifest.json}

fail() { printf 'fetch-weights: %s\n' "$1" >&2; exit 1; }

# The manifest has one file a line, so that no JSON parser is needed to read it here.
field() { sed -n "s/.*\"name\": \"$1\",.*\"$2\": \"\([^\"]*\)\".*/\1/p" "$manifest"; }
names() { sed -n 's/.*{ "name": "\([^"]*\)".*/\1/p' "$manifest"; }

# What aural says of file $1, called $2; fails where it refuses it. The tokenizer's files are text and no weights.
inspect() {
    case $2 in *.json | *.txt)
        [ "$(head -c 1 "$1")" != '<' ] && printf '%s: text\n' "$1"
        return
        ;;
    esac
    if [ -n "${AURAL:-}" ]; then $AURAL inspect "$1"; else dotnet run -c Release --project "$root/src/AuralSam2.Cli" -- inspect "$1"; fi
}

digest() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

list() {
    for name in $(names); do
        [ -n "$(field "$name" url)" ] && way=fetched || way='by hand'
        [ -f "$folder/$name" ] && way=here
        printf '%-28s %-8s %s\n' "$name" "$way" "$(field "$name" what)"
    done
}

fetch() {
    case " $(names | tr '\n' ' ') " in *" $1 "*) ;; *) fail "$1 is not in $manifest; --list shows what is" ;; esac
    url=$(field "$1" url)
    file=$folder/$1
    if [ -f "$file" ]; then
        printf '%s is here\n' "$1"
    else
        [ -n "$url" ] || fail "$1 has no address here: $(field "$1" how), and put it into $folder"
        # A server that cannot resume (curl: 33, or 22 when nothing is left to send) is asked for the whole file.
        code=0
        curl -fL --retry 3 -C - -o "$file.part" "$url" || code=$?
        if [ "$code" = 33 ] || { [ "$code" = 22 ] && [ -s "$file.part" ]; }; then
            code=0
            curl -fL --retry 3 -o "$file.part.new" "$url" && mv "$file.part.new" "$file.part" || code=$?
        fi
        [ "$code" = 0 ] || fail "$1: download failed (curl: $code); run this again to go on where it stopped"
        report=$(inspect "$file.part" "$1") || fail "$1: what came from $url is no checkpoint; it is left as $file.part"
        case $report in *"CUT SHORT"*) fail "$1: what came is cut short; run this again to go on" ;; esac
        mv "$file.part" "$file"
    fi
    inspect "$file" "$1" | sed -n '/^$/q;p'
    sum=$(digest "$file")
    if [ -f "$file.sha256" ] && [ "$(cut -d ' ' -f 1 "$file.sha256")" != "$sum" ]; then
        fail "$1 is not the file that was fetched before (its digest is $sum, $file.sha256 has another); delete one of the two"
    fi
    printf '%s  %s\n' "$sum" "$1" >"$file.sha256"
    printf 'sha256      %s (recorded in %s.sha256)\n' "$sum" "$1"
}

[ $# -gt 0 ] || fail "which? Give names, or --list"
if [ "$1" = --list ]; then list; exit 0; fi
mkdir -p "$folder"
for name in "$@"; do fetch "$name"; done
