"""The live instances: what runs, on which ports, at what cost."""
