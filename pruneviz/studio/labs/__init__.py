"""The labs' pages: what each asks, which runs tell its story, and what can be run live."""
