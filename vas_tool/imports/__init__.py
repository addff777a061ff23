"""Projects made of other tools' files."""
