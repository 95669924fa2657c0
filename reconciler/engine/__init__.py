"""From what is declared and what is live to a plan, and from a plan to how each change ended; no vendor.

In the order of a run, each stage a function from value to value:

| module | what it holds |
|---|---|
| `kind` | a kind of resource: its fields, the ports to its API, what the files say of one on a target |
| `body` | bodies of the API, and the one form in which values are compared |
| `identity` | `resolve`, `take_inventory`, `match_all`: what is live, and which of it is meant |
| `classify` | `classify`, `desired`: each field in one class, and the body that follows |
| `change` | the plan as values: changes, what is blocked and why, digests |
| `plan` | `make_plan`: what would change, within the limits |
| `review` | what of a plan was reviewed, and what a change of the files causes |
| `drift` | `attribute_drift`, `rollback`: what the last writes tell of what is live |
| `apply` | `apply`: read again, compare, journal the intent, write, read back |
| `outcome` | `outcome_of`: how a change ended, by what was read back |
"""
