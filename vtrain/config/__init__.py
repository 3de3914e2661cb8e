"""What a run is told to do: sections, files, overrides, and where each value came from."""
