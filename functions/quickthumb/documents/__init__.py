"""Documents that cross a boundary: one type for each, which defines how it is read and written."""
