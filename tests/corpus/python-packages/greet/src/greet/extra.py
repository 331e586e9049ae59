"""More of it."""

DOUBLED = {language: language * 2 for language in ("en", "fr")}
