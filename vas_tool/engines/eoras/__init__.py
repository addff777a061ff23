"""EoRaS (ICCV 2023, arXiv 2309.13248): front features and a bird's-eye view, joined by object slots."""
