"""From declared and live values to a plan, and from a plan to outcomes; knows a kind, never a vendor."""
