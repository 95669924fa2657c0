"""A file is shown with its addresses masked, whatever is shown of it and in whatever layout."""

from __future__ import annotations

from reconciler.config.layout import masked

SEEDS = """\
import_configs: {nl: {name: NL}}
customer_seeds:
  smoke:
    round: one
    notification_email_addresses: [qa@example.com, 'b@example.com']
    customers:
      - email: john@example.com   # c
        data: {"First name": John, age: 7}
      - {email: &x "jane@example.com", phone_number: |-
           +3160000}
"""


def test_what_stands_below_a_personal_key_is_masked() -> None:
    shown = masked(SEEDS.replace("|-\n           ", "").encode())
    assert "@" not in shown
    assert "John" not in shown
    assert "3160000" not in shown
    assert "  nl" not in shown
    assert shown.startswith("import_configs: {nl: {name: NL}}\n")
    assert "    round: one\n" in shown
    assert "# c\n" in shown


def test_an_empty_file_is_empty() -> None:
    assert masked(b"# nothing\n") == "# nothing\n"
