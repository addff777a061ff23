"""Training and test data of EoRaS, its losses and its training, as the released scripts have them."""
