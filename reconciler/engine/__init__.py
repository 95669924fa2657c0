"""From what is declared and what is live to a plan, and from a plan to how each change ended; no vendor.

In the order of a run, each stage a function from value to value:

| module | what it holds |
|---|---|
| `kind` | a kind of resource: its fields, the ports to its API, what the files say of one on a target |
| `body` | bodies of the API, and the one form in which values are compared |
| `classify` | `classify`, `desired`: each field in one class, and the body that follows |
| `change` | the plan as values: changes, what is blocked, every reason for that, digests |
| `inventory` | `resolve`, `take_inventory`: what is live |
| `plan` | `make_plan`: which live resource is meant, what would change, and why something must not; reviews |
| `drift` | `attribute_drift`, `rollback`: what the last writes tell of what is live |
| `apply` | `apply`: read again, compare, journal the intent, write, read back |
| `outcome` | `outcome_of`: how a change ended, by what was read back |
"""
