"""The axes; each module exports one `Axis`, and nobody registers it."""
