"""`python -m samebit.cli` is the `samebit` command."""

from samebit.cli.main import main

main()
