"""Values in, strings out: nothing here reads, decides or prints."""
