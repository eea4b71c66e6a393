"""Rules: what each operation does to the channels that pass through it. An operation without a rule ends them."""
