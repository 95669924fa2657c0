"""Config-as-code for survey operations."""

__version__ = "0.1.0"
