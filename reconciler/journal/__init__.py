"""What a run writes down before and after it does what may happen only once."""
