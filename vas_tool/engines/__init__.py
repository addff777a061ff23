"""The engines of the four stages: their shapes (base), their table (registry), and one module or folder each."""
