"""From files to declared resources: discovery, YAML with positions, settings, presets, targets, problems."""
