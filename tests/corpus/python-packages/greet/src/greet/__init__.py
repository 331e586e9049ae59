"""Greets."""

LANGUAGES = frozenset({"en", "fr", "de", "it"})


def main() -> None:
    print("Hello", *sorted(LANGUAGES))
