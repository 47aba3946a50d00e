"""The rules of delivery: pure code. Callers pass in the time; there are no sockets and no files."""
