#!/usr/bin/env bash
# Fetches ptxas, cuobjdump and nvdisasm from Debian's package nvidia-cuda-toolkit (non-free) into a private folder.
#
#     tools/fetch-ptxas.sh [FOLDER]        FOLDER: by default auralsam2/cuda-tools under the user's cache folder
#
# With ptxas the tests compare every kernel's registers and shared memory with the committed table, and `bench kernels` prints what
# the kernels became. It needs no root, and neither installs anything nor changes the sources of apt: package lists and the package itself
# (84 MB) go into the folder and are deleted again. A second run finds the tools and does nothing.
set -euo pipefail

package=nvidia-cuda-toolkit
tools=(ptxas cuobjdump nvdisasm)
folder=$(realpath -m "${1:-${XDG_CACHE_HOME:-$HOME/.cache}/auralsam2/cuda-tools}")

give_up() {
    echo "fetch-ptxas: $1" >&2
    exit 1
}

release_of() { "$1" --version | sed -n 's/.*release \([0-9.]*\), V\([0-9.]*\).*/\2/p'; }

if [ -x "$folder/ptxas" ] && [ -x "$folder/cuobjdump" ] && [ -x "$folder/nvdisasm" ]; then
    echo "ptxas $(release_of "$folder/ptxas") is already in $folder"
    exit 0
fi

codename=
if grep -qsx 'ID=debian' /etc/os-release; then codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release); fi
for command in apt-get dpkg dpkg-deb tar; do command -v $command > /dev/null || codename=; done
[ -n "$codename" ] || give_up "this works on Debian only; elsewhere install the CUDA toolkit and put ptxas on PATH, or name it in AURAL_PTXAS"

# The mirror is the one that this machine gets Debian itself from.
architecture=$(dpkg --print-architecture)
mirror=$(apt-get update --print-uris 2> /dev/null | sed -n "s|^'\(.*\)/dists/$codename/main/binary-$architecture/.*|\1|p" | head -n 1)
[ -n "$mirror" ] || give_up "the sources of apt name no mirror of Debian $codename, component main"

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/parts" "$work/tree"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [$([ -r $keyring ] && echo "signed-by=$keyring ")arch=$architecture] $mirror $codename non-free" > "$work/sources.list"
# Proxies and the like stay as they are; hooks do not run, some of them tidy up the system's own cache.
echo '#clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success; #clear DPkg::Post-Invoke;' > "$work/apt.conf"
private() {
    apt-get -qq -c "$work/apt.conf" \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts" \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User="$(id -un)" "$@"
}

echo "reading the list of non-free packages of Debian $codename"
private update || give_up "cannot read the package list of $mirror"
echo "downloading $package"
(cd "$work/archives" && private download "$package") || give_up "cannot download $package from $mirror"
archive=$(find "$work/archives" -name "$package*.deb")
size=$(du -m "$archive" | cut -f 1)
dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$work/tree" "${tools[@]/#/./usr/bin/}"
(cd "$work/tree/usr/bin" && mv "${tools[@]}" "$folder/")
kept=$(cd "$folder" && du -cm "${tools[@]}" | tail -n 1 | cut -f 1)
echo "${tools[*]} $(release_of "$folder/ptxas") are in $folder ($kept MB, of a package of $size MB)"
