"""Every code that a problem of the files can have, and what it means. Codes never change their meaning.

The checks of a section add codes of their own; see the package that hands in the section.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    # The files
    "unreadable-file": "the file or folder cannot be read",
    "symlink-outside": "a link leads out of the workspace",
    "file-too-large": "the file is too large",
    "path-outside": "a path that does not lead to a visible file inside the workspace",
    "too-much": "more files, folders, values or customers than a workspace may have",
    "too-many-problems": "there are more problems than are listed",
    # YAML
    "yaml-syntax": "the file is not YAML",
    "yaml-encoding": "the file is not UTF-8",
    "yaml-tab": "a tab stands where the indentation should",
    "yaml-documents": "the file holds more than one document",
    "yaml-directive": "the file begins with a directive that is not obeyed",
    "yaml-tag": "a value or key has a tag",
    "yaml-implicit-bool": "yes, no, on, off, y or n without quotes",
    "yaml-sexagesimal": "a time without quotes",
    "yaml-leading-zero": "a number that begins with zero",
    "yaml-number-form": "a number in a form that not every reader takes for one",
    "yaml-number-too-large": "a number that does not fit into 64 bits",
    "yaml-null-form": "null in another form than null",
    "yaml-undefined-alias": "an alias without an anchor before it",
    "yaml-recursive-alias": "an alias inside its own anchor",
    "yaml-merge": "a merge key with something that is no mapping",
    "yaml-alias-bomb": "aliases and merge keys that make too many values",
    "yaml-too-deep": "too many mappings and lists inside each other",
    "duplicate-key": "the same key twice in one mapping",
    "non-string-key": "a key that is not text",
    "empty-value": "a key or list item with nothing behind it",
    "control-character": "a character that cannot be seen and changes what is seen",
    "not-a-mapping": "a mapping should stand here",
    # Files with customers
    "unknown-format": "a file with customers that is neither a table nor JSON Lines",
    "not-utf-8": "a file with customers that is not UTF-8",
    "csv-syntax": "a table that is not CSV",
    "csv-header": "a header that is missing, that stands twice, or that cannot be one",
    "csv-row": "a row with more or fewer cells than the first one",
    "jsonl-syntax": "a line that is not JSON",
    # Names and values
    "unknown-section": "a section that does not exist",
    "unknown-field": "a field that does not exist here",
    "misplaced": "a known name where it means nothing",
    "missing-field": "a field that must be given",
    "wrong-type": "a value of another type than the field's",
    "too-long": "a text or list that is too long",
    "too-short": "a text or list with too little in it",
    "out-of-range": "a number outside what the field can hold",
    "unknown-choice": "a value that is none of the choices",
    "invalid-value": "a value that the field cannot have",
    "invalid-name": "a key, or the name of a target or preset, in characters that names cannot have",
    "not-yet-supported": "something that a later version brings",
    # reconciler.yaml
    "newer-version": "the files are for a newer version",
    "unknown-target": "a target that does not exist",
    "no-account": "a target without the section that opens an account",
    "unknown-time-zone": "a time zone that does not exist",
    "inline-secret": "a secret in the files",
    "foreign-variable": "a variable of another system as a credential",
    "missing-credentials": "a real account without what it takes to enter",
    "invalid-url": "an address that is none",
    "insecure-url": "an address that would send credentials in the open",
    "documentation-url": "the address of the vendor's documentation",
    "url-with-credentials": "an address with credentials in it",
    "url-with-path": "an address with more than scheme and host",
    "invalid-recipient": "a pattern of allowed recipients that is too wide, or none",
    # Resources
    "declared-twice": "the same thing in two places",
    "named-twice": "a field named twice at one level",
    "unknown-preset": "a preset that does not exist",
    "unused-preset": "a preset that no resource names (warning)",
    "acceptance-ended": "a difference that was accepted until a day that is over (warning)",
    "unknown-name": "a name that the target has no id for",
    "unknown-key": "a key of a resource that does not live on the target",
    "no-target": "a resource or seed that lives nowhere",
    "id-without-target": "an id that would count for several targets",
    "contradiction": "two things that cannot both be",
    "same-id": "two keys on one live id",
    "same-name": "two keys on one name",
    "moved-nowhere": "a key moved to one that does not exist",
    "moved-in-place": "a moved key that is still declared",
    "moved-in-chain": "a key moved to one that is itself moved",
}

EDIT_CODES: Mapping[str, str] = {
    "edit-alias": "the value is an alias",
    "edit-anchor": "the value also counts elsewhere, by its anchor",
    "edit-merge": "the value comes through a merge key",
    "edit-layout": "the layout leaves no place where an edit is safe",
}
"""Why a file that holds no problem is not edited all the same."""
