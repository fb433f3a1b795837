#!/usr/bin/env bash
# Makes a virtual environment with everything the course needs: ./setup.sh [FOLDER], default .venv.
# With uv when it is there, with venv and pip otherwise. macOS on Apple silicon gets MLX with Metal,
# Linux gets MLX for CUDA 13 where an NVIDIA driver answers, and MLX for the CPU elsewhere.
set -euo pipefail
cd "$(dirname "$0")"
venv=${1:-.venv}

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

candidates=${PYTHON:-python3 python3.12 python3.13 python3.11 python3.10}
python=""
for name in $candidates; do
  if command -v "$name" >/dev/null 2>&1 &&
    "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
    python=$name
    break
  fi
done
[ -n "$python" ] || fail "no Python 3.10 to 3.13 under the names: $candidates; install one, or name it: make learn PYTHON=/path/to/python3"

extra=dev
case "$(uname -s)-$(uname -m)" in
  Darwin-arm64) ;;
  Darwin-*) fail "MLX needs Apple silicon; this Mac has an Intel processor" ;;
  Linux-*)
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{print $2}')
    [ "$(printf '2.35\n%s\n' "${glibc:-0}" | sort -V | head -n 1)" = 2.35 ] ||
      fail "MLX for Linux needs glibc 2.35 or newer (Debian 12, Ubuntu 22.04); this system has ${glibc:-another C library}"
    if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1; then
      extra=dev,cuda13
    else
      extra=dev,cpu
    fi ;;
  *) fail "the course runs on macOS with Apple silicon and on Linux; this is $(uname -s)" ;;
esac

printf 'Setting up in %s (%s, %s). The first time this fetches about 500 MB.\n' "$venv" "$("$python" --version)" "$extra"

# One line that moves while packages are fetched, where somebody watches; pip itself would print
# hundreds. What pip complains about is shown.
progress() {
  local count=0 line shown
  while IFS= read -r line; do
    case "$line" in
      *'WARNING: Location'* | '') ;;
      *Collecting* | *Downloading* | *'Using cached'* | *'Installing collected'* | *'Preparing'* | *'Building'*)
        count=$((count + 1))
        shown=${line#"${line%%[![:space:]]*}"}
        if [ -t 1 ]; then printf '\r\033[K  %3d  %.70s' "$count" "$shown"; fi ;;
      *ERROR* | *error* | *WARNING*) printf '\n%s\n' "$line" ;;
    esac
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
}

if command -v uv >/dev/null 2>&1; then
  [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
  # uv shows its own progress.
  uv pip install --python "$venv/bin/python" --config-setting editable_mode=compat -c constraints.txt -e ".[$extra]"
else
  if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" || fail "'$python -m venv' failed (Debian and Ubuntu: apt install python3-venv)"
  fi
  PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install --progress-bar off --disable-pip-version-check --config-settings editable_mode=compat -c constraints.txt -e ".[$extra]" 2>&1 | progress
  [ "${PIPESTATUS[0]}" -eq 0 ] || fail "pip could not install the packages; the lines above say why"
fi
"$venv/bin/python" -S -m course.portable "$venv"
"$venv/bin/python" -c 'from course.update import remember; remember()'
