"""One file a format: MAGICS (how its files begin), `recognise` where that is not enough, `inspect`.

A new format is a new file here; `samebit.executables.inspect` finds it.
"""
