"""What crosses a boundary, each document once: its form, how it is read and how it is written."""
