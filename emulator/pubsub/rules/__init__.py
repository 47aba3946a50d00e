"""The rules of delivery: pure code that is told the time, and knows no socket and no file."""
