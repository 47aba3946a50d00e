#!/bin/sh
# Tries QuickThumb in a Google Cloud project and reports what it measured: infra/trial.sh --help.
set -eu
cd "$(dirname "$0")/.."
exec python3 -m infra.trial "$@"
