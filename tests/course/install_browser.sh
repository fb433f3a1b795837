#!/usr/bin/env bash
# The page of `tinymlx compare` is tested in a real browser. Where one is missing and may be
# installed without asking (Debian and its relatives, as root or with a sudo that asks nothing), this
# installs it; elsewhere it does nothing, and those tests say what to install.
set -uo pipefail
for name in chromium chromium-browser google-chrome google-chrome-stable chrome microsoft-edge; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -d "/Applications/Google Chrome.app" ] || [ -d "/Applications/Microsoft Edge.app" ] && exit 0
command -v apt-get >/dev/null 2>&1 || exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null || exit 0
  as_root=(sudo -n)
fi
echo "Installing chromium for the tests of the comparison page."
"${as_root[@]}" apt-get update -qq &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null
exit 0
