"""Training of the shipped networks, of EoRaS and of Diffusion-VAS."""
