"""Everything that is CheckMarket's: the import configuration, its body, its client."""
