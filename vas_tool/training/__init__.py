"""Training of the learned amodal engine, on shapes drawn here from numbers."""
