"""The order of versions, one file a way of ordering; None where the order is unknown."""
