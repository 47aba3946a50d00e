"""Libraries that read pictures, behind one seam."""
