"""Files out and in: models in a container under a checksum, written whole or not at all."""
