"""Where images come from and go to, apart from registries: layouts, archives, local engines."""
