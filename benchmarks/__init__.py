"""Speed, as ratios against peers and floors measured in the same process."""
