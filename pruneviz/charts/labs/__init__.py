"""The labs' charts: runs become pictures, several seeds a band, and titles sentences with their interval."""
