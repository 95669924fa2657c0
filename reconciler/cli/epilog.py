"""What stands below every help text."""

EPILOG = """\b
Exit codes: 0 done or nothing to do, 1 error, 2 changes are pending (--detailed-exitcode),
3 refused by a safety rule, 4 partly applied, 5 stale, 6 in doubt, 7 API unavailable."""
