"""The file of contacts that is uploaded with an import configuration: what an import would make of it."""
