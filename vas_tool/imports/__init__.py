"""Makes projects from files of other tools."""
