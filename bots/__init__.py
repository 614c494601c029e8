"""Everything that is specific to MaiBot and its services."""
