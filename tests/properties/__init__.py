"""The rules as properties, in their own words."""
