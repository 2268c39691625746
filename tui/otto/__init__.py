"""Otto: what he sees of a run, what he looks like, and where he is on the screen."""
