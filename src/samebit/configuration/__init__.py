"""samebit.toml: base recipes and named images, read strictly into frozen values."""
