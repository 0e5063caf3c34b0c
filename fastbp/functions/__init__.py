"""sigma and sigma' of every activation, and the elementary functions under them."""
