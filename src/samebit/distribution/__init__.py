"""What Linux distributions call things, and how they install them: data in packages.toml."""
