"""One file a cause; every module exports `Detector` values, which are discovered."""
