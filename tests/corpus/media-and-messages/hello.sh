#!/bin/sh
. gettext.sh
TEXTDOMAIN=hello
export TEXTDOMAIN
gettext "Hello"
echo
