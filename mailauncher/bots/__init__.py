"""All that is known of MaiBot and its services."""
