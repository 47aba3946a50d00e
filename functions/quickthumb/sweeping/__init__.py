"""What a sweep is made of; the story itself is `quickthumb.sweep`."""
