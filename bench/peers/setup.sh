#!/usr/bin/env bash
# Makes the Python environments of the peers in DIR, by default peers-env beside the repository, each only once.
# DIR/main has all but buffalo, which needs an old numpy: it has DIR/buffalo. The benches find them there, or where
# AUROCHS_PEERS names another DIR.
set -euo pipefail
dir=${1:-"$(dirname "$0")/../../../peers-env"}
mkdir -p "$dir"

environment() { # NAME SETUP…: pip's arguments, one call after the other, "--" between them
  local name=$1 made="$dir/$1/made-from" calls
  shift
  calls="$*"
  if [ -e "$made" ] && [ "$(cat "$made")" = "$calls" ]; then return; fi
  [ -x "$dir/$name/bin/python" ] || python3 -m venv "$dir/$name"
  local call=()
  for argument in "$@" --; do
    if [ "$argument" != -- ]; then
      call+=("$argument")
      continue
    fi
    "$dir/$name/bin/python" -m pip install -q "${call[@]}"
    call=()
  done
  echo "$calls" > "$made"
}

environment main 'implicit==0.7.3' 'rusket==0.1.101' 'gensim==4.4.0' 'faiss-cpu==1.15.1' 'lightgbm==4.7.0' 'numpy==2.4.6' 'scipy==1.17.1' \
  'librosa==0.11.0' 'soundfile==0.14.0' 'soxr==1.1.0' 'av==18.1.0' 'tensorflow-cpu==2.21.0' 'usearch==2.26.6' 'safetensors==0.8.0' 'pyarrow==26.0.1'
environment buffalo setuptools wheel 'cython==3.3.1' 'n2==0.1.7' 'numpy==1.24.4' 'scipy==1.10.1' 'h5py==3.9.0' 'psutil==5.9.8' \
  -- --no-build-isolation 'buffalo==2.0.6'
echo "$dir/main/bin/python and $dir/buffalo/bin/python are ready"
