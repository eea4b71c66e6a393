"""Where a subject comes from. A card (`subject.toml`) names its architecture, its weights and its data."""
