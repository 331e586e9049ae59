"""The profiles that come with samebit, as data files: docs/audit.md says what they hold."""
