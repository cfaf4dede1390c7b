#!/usr/bin/env bash
# Fuzzes the readers of weights with AFL++ and SharpFuzz: inputs that reach new code are kept and damaged further.
#
#     tools/fuzz-weights.sh [SECONDS] [FOLDER]    600 s; FOLDER: by default auralsam2/fuzz under the user's cache folder
#
# It starts from the good files of the tests, and from where an earlier run in the same folder stopped. At the end it prints executions,
# paths and crashes, and its exit code is 1 if there was a crash or a hang; `dotnet run tools/FuzzWeights.cs FILE` shows what one does.
# afl-fuzz comes from PATH or, on Debian, out of the package afl++, which is unpacked into the folder and not installed; the
# instrumenting tool SharpFuzz.CommandLine comes from NuGet.
set -euo pipefail

seconds=${1:-600}
folder=$(realpath -m "${2:-${XDG_CACHE_HOME:-$HOME/.cache}/auralsam2/fuzz}")
root=$(cd "$(dirname "$0")/.." && pwd)

give_up() {
    echo "fuzz-weights: $1" >&2
    exit 1
}

mkdir -p "$folder"
cd "$folder"
afl=$(command -v afl-fuzz || true)
if [ -z "$afl" ]; then
    afl=$folder/afl++/usr/bin/afl-fuzz
    if [ ! -x "$afl" ]; then
        command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || give_up "install AFL++ (afl-fuzz); it can be fetched from here on Debian only"
        apt-get -qq -o APT::Sandbox::User="$(id -un)" download afl++ || give_up "cannot download Debian's package afl++"
        dpkg-deb -x afl++_*.deb afl++
        rm afl++_*.deb
    fi
fi

sharpfuzz=$folder/dotnet-tools/sharpfuzz
[ -x "$sharpfuzz" ] || dotnet tool install SharpFuzz.CommandLine --version 2.3.0 --tool-path "$folder/dotnet-tools"

rm -rf app corpus
dotnet publish -c Release -v q "$root/tools/FuzzWeights.cs" -o app
"$sharpfuzz" app/AuralSam2.dll AuralSam2.Weights
AURAL_FUZZ_CORPUS=$folder/corpus dotnet run -c Release --project "$root/tests/AuralSam2.Tests" -- \
    -method '*TorchFuzzTests.The_good_files_are_a_corpus' > corpus.log || give_up "the tests wrote no corpus: see $folder/corpus.log"

# One process, the lowest priority. What AFL++ says of core patterns, governors and missing instrumentation is about native programs.
echo "fuzzing for $seconds s from $(ls corpus | wc -l) files; findings go to $folder/findings"
AFL_SKIP_BIN_CHECK=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_AUTORESUME=1 \
    nice -n 19 "$afl" -i corpus -o findings -m none -t 5000 -G 65536 -V "$seconds" -- dotnet app/FuzzWeights.dll > afl.log || {
    tail -n 20 afl.log >&2
    give_up "afl-fuzz failed; all it said is in $folder/afl.log"
}

value() { sed -n "s/^$1 *: *//p" findings/default/fuzzer_stats; }
echo "executions  $(value execs_done) ($(value execs_per_sec) per second)"
echo "paths       $(value corpus_count), $(value corpus_found) of them found; edges seen $(value edges_found)"
echo "crashes     $(value saved_crashes)"
echo "hangs       $(value saved_hangs)"
[ "$(value saved_crashes)" = 0 ] && [ "$(value saved_hangs)" = 0 ]
