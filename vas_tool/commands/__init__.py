"""The commands of ``vas-tool``: their arguments, and the functions that run them."""
