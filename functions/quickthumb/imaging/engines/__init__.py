"""Libraries that decode pictures, behind one interface."""
