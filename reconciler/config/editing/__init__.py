"""Edits of the files as a person would make them: only the touched lines differ, and nothing is guessed."""
