"""What the map can show: the layer catalogue, vector tiles, identify and search."""
