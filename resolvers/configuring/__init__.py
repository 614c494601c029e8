"""The configuration files of an instance: locations, revisions, differences, and the ports in them."""
