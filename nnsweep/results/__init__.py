"""From records to frames, tables and pictures."""
