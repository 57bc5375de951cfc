"""How data comes in: sources, normalising, checks and loading of departments' files."""
