"""The only way out of this process to an API, and the one door of httpx. `api` has the table of failures."""
