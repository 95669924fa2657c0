"""Everything that is Expoints': test batches, their columns, the client with its token, sending."""
