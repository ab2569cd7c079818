#!/bin/sh
# Renews swagger-ui/ from the npm package swagger-ui-dist, through the ordinary npm client (which checks the
# package against the registry's integrity hash and runs none of its scripts). Usage: vendor.sh [version]
set -eu

version=${1:-5}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
archive=$(npm pack --silent "swagger-ui-dist@$version" | tail -n 1)
tar -xzf "$archive"

target=$here/swagger-ui
mkdir -p "$target"
for file in swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt favicon-32x32.png LICENSE; do
    cp "package/$file" "$target/$file"
done
if [ -f package/NOTICE ]; then cp package/NOTICE "$target/NOTICE"; fi
node -p 'require("./package/package.json").version' > "$target/VERSION"
chmod 644 "$target"/*
echo "swagger-ui $(cat "$target/VERSION") is in $target"
