"""What the entry in targets.yaml declares, held against what the server shows."""
