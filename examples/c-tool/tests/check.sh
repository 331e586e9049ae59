#!/bin/sh
# The check value that the CRC catalogue gives for "123456789", an empty input, a missing file.
set -eu
crc=$1

[ "$(printf 123456789 | "$crc")" = "cbf43926  -" ]
[ "$("$crc" /dev/null)" = "00000000  /dev/null" ]
if "$crc" /nonexistent 2>/dev/null; then
	echo "a missing file must be an error" >&2
	exit 1
fi
echo "crc: all checks passed"
