"""The rules of delivery. They use no clock, socket or file; callers pass in the time."""
