#!/bin/sh
# install.sh PYTHON ARGUMENT...: what `PYTHON -m pip install ARGUMENT...` does, in a quarter of the time.
#
# uv does it. pip takes over where uv cannot be had or cannot go on, and where pip was told of an index, or to ask
# none: uv would not know.
set -eu
python=$1
shift
if ! "$python" -m pip config list | grep -q index \
  && "$(dirname "$0")/../.venv/bin/uv" pip install --quiet --python "$python" "$@"; then
  exit
fi
exec "$python" -m pip install --quiet --disable-pip-version-check "$@"
