#!/usr/bin/env bash
# Checks and measures this engine on a machine with an NVIDIA driver and nothing else.
#
#     gpu-check.sh [--out FOLDER] [--device cuda[:n]|...] [--quick]
#
# Runs from the archive that tools/publish.sh makes, and from the repository (then it builds first). Every op against its reference, every
# fixture, the benchmark of ops and of the model's parts, and PyTorch beside it where python3 has one that sees the GPU. A step that fails or
# takes too long is recorded, and the others still run; the whole takes less than nine minutes. The results are gpu-check.json and
# gpu-check.md in FOLDER (default gpu-check): commit them under bench/results/<machine>/.
#
# --quick takes tiny cases. With --device emulator or cpu it shows that the script works, on a machine without a GPU.
# Exit code: 0 all steps passed, 1 a step failed or there is no NVIDIA driver, 2 wrong usage.
set -uo pipefail

out=gpu-check device=cuda quick=
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=${2:?--out wants a folder}; shift 2 ;;
        --device) device=${2:?--device wants a device}; shift 2 ;;
        --quick) quick=--quick; shift ;;
        *) echo "usage: $0 [--out FOLDER] [--device cuda[:n]|opencl[:n]|emulator|cpu] [--quick]" >&2; exit 2 ;;
    esac
done

has_driver() {
    nvidia-smi > /dev/null 2>&1 || [ -e /proc/driver/nvidia/version ] || ldconfig -p 2> /dev/null | grep -q 'libcuda\.so'
}
if [[ $device == cuda* ]] && ! has_driver; then
    echo "gpu-check: this machine has no NVIDIA driver (no nvidia-smi, no /proc/driver/nvidia, no libcuda.so)" >&2
    exit 1
fi

here=$(cd "$(dirname "$0")" && pwd) || exit 1
if [ -x "$here/bin/aural" ]; then
    aural=$here/bin/aural bench=$here/bin/AuralSam2.Bench torch=$here/torch
    fixtures=("$here"/fixtures/*.safetensors)
else
    root=$(dirname "$here")
    command -v dotnet > /dev/null || { echo "gpu-check: no bin/aural beside this script, and no dotnet to build it" >&2; exit 1; }
    echo "building"
    for project in src/AuralSam2.Cli bench/AuralSam2.Bench; do
        dotnet build -c Release -v q --nologo "$root/$project" > /dev/null || { echo "gpu-check: $project does not build" >&2; exit 1; }
    done
    aural=$root/src/AuralSam2.Cli/bin/Release/net10.0/aural bench=$root/bench/AuralSam2.Bench/bin/Release/net10.0/AuralSam2.Bench
    torch=$root/bench/torch
    fixtures=("$root"/tests/Goldens/*.safetensors)
    for file in "$root"/../shared/goldens/*.safetensors; do
        [ -e "$file" ] && ! [ -e "$root/tests/Goldens/$(basename "$file")" ] && fixtures+=("$file")
    done
fi
if [ -n "$quick" ]; then mapfile -t fixtures < <(printf '%s\n' "${fixtures[@]}" | grep b_mini_decoder); fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/steps.tsv"
failed=0
SECONDS=0
deadline=520 # seconds of all steps together

# step NAME SECONDS COMMAND...: runs it, at most so long; what it prints goes to the terminal and to NAME.log.
step() {
    local name=$1 limit=$2 begin=$SECONDS code
    shift 2
    if [ "$limit" -gt $((deadline - SECONDS)) ]; then limit=$((deadline - SECONDS)); fi
    if [ "$limit" -lt 1 ]; then limit=1; fi
    echo "== $name (at most $limit s)"
    timeout -k 5 "$limit" "$@" 2>&1 | tee "$work/$name.log"
    code=${PIPESTATUS[0]}
    printf '%s\t%s\t%s\n' "$name" $((SECONDS - begin)) "$code" >> "$work/steps.tsv"
    [ "$code" -eq 0 ] || failed=1
    echo "== $name: exit code $code after $((SECONDS - begin)) s"
}

# fact NAME VALUE, or fact NAME QUERY of nvidia-smi: a line of the report's first table.
fact() { printf '%s\t%s\n' "$1" "$2" >> "$work/machine.tsv"; }
gpu_index=$([[ $device == cuda:* ]] && echo "${device#cuda:}" || echo 0)
gpu_fact() {
    local value
    value=$(nvidia-smi -i "$gpu_index" --query-gpu="$2" --format=csv,noheader 2> /dev/null) && fact "$1" "$value"
}
if [[ $device == cuda* ]]; then
    gpu_fact gpu name
    gpu_fact driver driver_version
    gpu_fact memory memory.total
    gpu_fact "compute capability" compute_cap
    gpu_fact "power limit" power.limit
    gpu_fact "highest SM clock" clocks.max.sm
    gpu_fact "SM clock, temperature and power before" clocks.sm,temperature.gpu,power.draw
fi
fact device "$device${quick:+, tiny cases only}"
fact processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) threads"
fact system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release), Linux $(uname -r)"
fact engine "$("$aural" --version 2> /dev/null)"

# PyTorch runs where this engine runs, or not at all.
torch_device=cpu
if [[ $device == cuda* ]]; then torch_device=$device; fi
torch_version=$(python3 -c "import torch
if '$torch_device' != 'cpu': torch.empty(1, device='$torch_device')
print(torch.__version__)" 2> /dev/null)
fact PyTorch "${torch_version:-none for $torch_device}"
sed 's/\t/: /' "$work/machine.tsv"

# Exit code 3: fixtures of kinds that are not supported yet, and no other trouble.
# shellcheck disable=SC2016  # expanded by the inner shell
verify='"$1" verify --device "$2" --json "${@:4}" > "$3"; code=$?; [ $code -eq 3 ] && exit 0; exit $code'
options=(--device "$device")
if [ -n "$quick" ]; then options+=(--quick); fi

step check-ops 150 "$bench" check-ops "${options[@]}" --json "$work/check-ops.json"
step verify 120 bash -c "$verify" verify "$aural" "$device" "$work/verify.json" "${fixtures[@]}"
step ops 120 "$bench" ops "${options[@]}" --json "$work/ops.json"
step parts 120 "$bench" parts "${options[@]}" --json "$work/parts.json"
if [ -n "$torch_version" ]; then
    step torch-ops 90 python3 "$torch/ops.py" "$work/ops.json" "$work/torch-ops.json" --device "$torch_device"
    step torch-trunks 40 python3 "$torch/trunks.py" "$work/parts.json" "$work/torch-trunks.json" --device "$torch_device"
fi

if [[ $device == cuda* ]]; then gpu_fact "SM clock, temperature and power after" clocks.sm,temperature.gpu,power.draw; fi
if ! "$bench" report "$work" "$out"; then
    echo "gpu-check: the report could not be written" >&2
    exit 1
fi
echo "$out/gpu-check.json and $out/gpu-check.md: commit them under bench/results/<machine>/"
exit $failed
