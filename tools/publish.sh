#!/usr/bin/env bash
# Makes the archive that is checked and measured on a machine with a GPU and nothing else: the `aural` command and the benchmark, self-contained
# for linux-x64, all fixtures, the PyTorch peer, and gpu-check.sh.
#
#     tools/publish.sh [FOLDER]        FOLDER: by default artifacts; receives aural-linux-x64.tar.xz
#
# There: tar -xf aural-linux-x64.tar.xz && aural-linux-x64/gpu-check.sh
# Compiled ahead of time as far as the runtime can start from it (ReadyToRun): kernels for the processor are compiled there, for its own
# instruction set. Not trimmed: ILGPU finds its intrinsics by reflection. TorchSharp is not part of it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
artifacts=$(realpath -m "${1:-$root/artifacts}")
name=aural-linux-x64
limit=60 # MB
folder=$artifacts/$name
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

rm -rf "$folder" "$folder.tar.xz"
mkdir -p "$folder/fixtures" "$folder/torch"
# Both into one folder: the runtime is there once.
for project in src/AuralSam2.Cli bench/AuralSam2.Bench; do
    echo "publishing $project"
    dotnet publish -c Release -r linux-x64 --self-contained -v q -p:PublishReadyToRun=true -p:DebugType=none -p:GenerateDocumentationFile=false \
        -o "$folder/bin" "$root/$project"
done
for file in "$root"/tests/Goldens/*.safetensors "$root"/../shared/goldens/*.safetensors; do
    if [ -e "$file" ] && ! [ -e "$folder/fixtures/$(basename "$file")" ]; then install -m 644 "$file" "$folder/fixtures/"; fi
done
cp "$root"/bench/torch/*.py "$folder/torch/"
cp "$root/tools/gpu-check.sh" "$root/LICENSE" "$folder/"
chmod -R a+rX "$folder"

# shellcheck disable=SC2012  # the names are our own
echo "$(ls "$folder/fixtures" | wc -l) fixtures, $(du -sm "$folder/bin" | cut -f 1) MB of programs; compressing"
XZ_OPT=-T0 tar -C "$artifacts" --sort=name --owner=0 --group=0 --numeric-owner -cJf "$folder.tar.xz" "$name"
size=$(du -m --apparent-size "$folder.tar.xz" | cut -f 1)
echo "$folder.tar.xz: $size MB"
[ "$size" -lt $limit ] || { echo "publish: more than $limit MB" >&2; exit 1; }
