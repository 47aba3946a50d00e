"""Documents that cross a boundary: each has one type, which says how it is read and written."""
