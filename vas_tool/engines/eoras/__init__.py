"""EoRaS (ICCV 2023, arXiv 2309.13248): amodal masks of a clip from front features, a bird's-eye view and object slots."""
