"""Bring your own: any model and any data, recognised in place, looked at before they are used."""
