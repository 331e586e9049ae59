"""Which package and version a URL stands for: one file an ecosystem, found by `discovery`."""
